//! Keeps credentials out of what the service says about an error.

use rtc_core::REDACTED;

/// Keys have 64 characters, so does the secret of a room; nothing that helps to find a fault is as long.
const KEY_LENGTH: usize = 64;

/// Replaces what follows `Bearer`, disposable keys, and runs of letters and digits as long as a key.
pub(super) fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(word.max(if word == 0 { first.len_utf8() } else { 0 }));
        rest = tail;
        if head.eq_ignore_ascii_case("bearer") && rest.starts_with([' ', '\t', '+']) {
            let value = rest.trim_start_matches([' ', '\t', '+']);
            let end = value.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | ',' | '\\'));
            out.push_str(head);
            out.push(' ');
            out.push_str(REDACTED);
            rest = value.get(end.unwrap_or(value.len())..).unwrap_or_default();
        } else if head.len() >= KEY_LENGTH {
            out.push_str(REDACTED);
        } else if let Some(at) = ["tempsand", "tempprod"].iter().filter_map(|p| head.find(p)).min() {
            out.push_str(head.get(..at).unwrap_or_default());
            out.push_str(REDACTED);
        } else {
            out.push_str(head);
        }
    }
    out
}

/// At most `limit` characters, control characters replaced by spaces.
pub(super) fn clip(text: &str, limit: usize) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limit)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out() {
        let key = "0123456789abcdef".repeat(4);
        for (text, scrubbed) in [
            ("no Bearer apiUser123:KEY, sorry", "no Bearer [redacted], sorry"),
            ("{\"a\":\"bearer u:k\"}", "{\"a\":\"bearer [redacted]\"}"),
            ("the bearer", "the bearer"),
            ("key tempsandABC9 is unknown", "key [redacted] is unknown"),
            ("xtempprod1/é", "x[redacted]/é"),
            ("é\u{1F600}plain é", "é\u{1F600}plain é"),
            ("", ""),
        ] {
            assert_eq!(scrub(text), scrubbed);
        }
        assert_eq!(scrub(&format!("https://x/meet/s1/{key}?a")), "https://x/meet/s1/[redacted]?a");
    }

    #[test]
    fn texts_are_clipped_by_characters() {
        assert_eq!(clip("aé\r\nb", 10), "aé  b");
        assert_eq!(clip("ééé", 2), "éé");
    }
}
