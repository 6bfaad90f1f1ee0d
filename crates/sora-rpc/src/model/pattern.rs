//! Forms of values, as the specification names them.

/// `#`, a letter or digit, and 1 to 30 letters, digits and `-`.
pub(crate) fn data_channel_label(text: &str) -> bool {
    let Some(name) = text.strip_prefix('#') else { return false };
    let fits = |(at, b): (usize, u8)| b.is_ascii_alphanumeric() || (at > 0 && b == b'-');
    (2..=31).contains(&name.len()) && name.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::data_channel_label;

    #[test]
    fn labels() {
        let longest = format!("#a{}", "b".repeat(30));
        for good in ["#ab", "#a-", "#9x", &longest] {
            assert!(data_channel_label(good), "{good}");
        }
        for bad in ["", "#", "#a", "ab", "#-a", "#a_b", "#ab\n", "##ab", &format!("{longest}c")] {
            assert!(!data_channel_label(bad), "{bad}");
        }
    }
}
