//! What holds of all tokens and session ids: reading never panics, what was made is read, what was changed or
//! is written in another way is refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use common::signer::{HEADER, at, claims, data, jwt, jwt_of, t1, t1_text, verify, verify_at};
use common::{KEY, NOW, SECRET, session, session_of};
use opentok::{Client, DecodeSessionId, GenerateToken, TokenFault, TokenFormat};
use proptest::prelude::*;
use serde_json::json;

const DAY: u64 = 86_400;

prop_compose! {
    /// A session id of our key, in every form: either version, any tail, padded or not, with stray marks.
    fn session_ids()(
        version in "[12]",
        tail in "[a-zA-Z0-9 .:~+/]{0,60}",
        padded in any::<bool>(),
        marks in "~{0,2}",
    ) -> String {
        let engine = if padded { &URL_SAFE } else { &URL_SAFE_NO_PAD };
        format!("{version}_{}{marks}", engine.encode(format!("{version}~{KEY}~{tail}")))
    }
}

prop_compose! {
    fn valid()(
        session in session_ids(),
        role in prop::sample::select(vec!["subscriber", "publisher", "moderator", "publisheronly"]),
        ahead in prop::option::of(prop_oneof![Just(0), Just(30 * DAY), 0..=30 * DAY]),
        connection_data in prop::option::of(prop_oneof![
            ".{0,200}", r#"["\\\x00-\x1f<>&é😀]{0,40}"#, "[a-z]{1000}", "é{1000}",
        ]),
        classes in prop::collection::vec("[^\\s]{1,20}", 0..5),
        nonce in prop::option::of("[!-~]{1,64}|[0-9]{1,18}"),
        format in prop::sample::select(vec!["JWT", "T1"]),
    ) -> GenerateToken {
        let mut request = GenerateToken::new(session).role(role).token_type(format);
        request.initial_layout_class_list = classes;
        request.expire_time = ahead.map(|seconds| NOW + seconds);
        (request.connection_data, request.nonce) = (connection_data, nonce);
        request
    }
}

/// A token of either form, signed by the second signer.
fn signed(t1_form: bool) -> String {
    if t1_form { t1(&data("&connection_data=>>>???")) } else { jwt(&claims()) }
}

proptest! {
    #[test]
    fn what_was_made_is_read_at_once_and_until_it_expires(request in valid()) {
        let token = at(NOW).generate_token(request.clone()).unwrap();
        let expires = request.expire_time.unwrap_or(NOW + DAY);
        prop_assert_eq!(verify_at(expires + 1, token.expose()), Err(TokenFault::Expired));
        let verified = verify_at(NOW, token.expose()).unwrap();
        prop_assert_eq!(verify_at(expires, token.expose()), Ok(verified.clone()));
        prop_assert_eq!(&verified.format, &request.token_type);
        prop_assert_eq!(verified.partner_id.as_str(), KEY);
        prop_assert_eq!(verified.session_id(), Some(request.session_id.as_str()));
        prop_assert_eq!(verified.role(), Some(request.role.clone()));
        prop_assert_eq!(verified.connection_data(), request.connection_data.as_deref());
        prop_assert_eq!(verified.initial_layout_class_list(), request.initial_layout_class_list.clone());
        prop_assert_eq!(verified.expires_at(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(expires)));
        let jwt = request.token_type == TokenFormat::Jwt;
        let fields = if jwt { &verified.claims } else { &verified.fields };
        if let Some(nonce) = &request.nonce {
            // In a JWT a nonce that is a whole number goes as one, if no reader can change it.
            let number = nonce.parse::<u64>().ok().filter(|n| jwt && *n < 1 << 53 && n.to_string() == *nonce);
            let expected = number.map_or_else(|| json!(nonce), |number| json!(number));
            prop_assert_eq!(&fields["nonce"], &expected);
        }
        // The identity also for who has another reader: nothing but what was asked for is in it.
        let optional = usize::from(request.connection_data.is_some())
            + usize::from(!request.initial_layout_class_list.is_empty());
        prop_assert_eq!(fields.len(), if jwt { 8 } else { 5 } + optional);
    }

    #[test]
    fn no_changed_byte_verifies(
        t1_form in any::<bool>(),
        part in 0..3usize,
        place in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let token = signed(t1_form);
        let changed = |text: &str, engine: &base64::engine::GeneralPurpose| {
            let mut bytes = engine.decode(text).unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            engine.encode(bytes)
        };
        let changed = match token.strip_prefix("T1==") {
            Some(rest) => format!("T1=={}", changed(rest, &STANDARD)),
            None => {
                let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
                parts[part] = changed(&parts[part], &URL_SAFE_NO_PAD);
                parts.join(".")
            }
        };
        prop_assert!(verify(&changed).is_err(), "{}", changed);
    }

    #[test]
    fn no_changed_character_verifies(
        t1_form in any::<bool>(),
        place in any::<prop::sample::Index>(),
        to in "[A-Za-z0-9+/=_.-]",
    ) {
        let token = signed(t1_form);
        let place = place.index(token.len());
        prop_assume!(token[place..=place] != to);
        let changed = format!("{}{to}{}", &token[..place], &token[place + 1..]);
        prop_assert!(verify(&changed).is_err(), "{}", changed);
    }

    #[test]
    fn nothing_may_be_added_or_left_out(
        t1_form in any::<bool>(),
        place in any::<prop::sample::Index>(),
        more in "[A-Za-z0-9+/=_. \n\r\t-]{1,4}",
    ) {
        let token = signed(t1_form);
        let place = place.index(token.len() + 1);
        let longer = format!("{}{more}{}", &token[..place], &token[place..]);
        prop_assert!(verify(&longer).is_err(), "{}", longer);
        prop_assert!(token[..place].is_empty() || place == token.len() || verify(&token[..place]).is_err());
    }

    #[test]
    fn each_token_has_one_spelling(fill in "[>?]{3,30}", extra in 1..4u8) {
        // Runs of these give both `+` and `/`.
        let text = t1_text(KEY, SECRET, &data(&format!("&connection_data={fill}>>>???")));
        let (standard, url_safe) = (STANDARD.encode(&text), URL_SAFE.encode(&text));
        let ok = |rest: &str| verify(&format!("T1=={rest}"));
        prop_assert!(ok(&standard).is_ok() && ok(&url_safe).is_ok());
        prop_assert_eq!(ok(&standard.replacen('+', "-", 1)), Err(TokenFault::Malformed));
        prop_assert_eq!(ok(&standard.replacen('/', "_", 1)), Err(TokenFault::Malformed));
        // Padding is neither left out nor added, and the bits before it are zero.
        prop_assert_eq!(ok(&format!("{standard}=")), Err(TokenFault::Malformed));
        let bare = standard.trim_end_matches('=');
        if bare.len() < standard.len() {
            prop_assert_eq!(ok(bare), Err(TokenFault::Malformed));
            let mut bits = standard.clone().into_bytes();
            bits[bare.len() - 1] += extra.min(if standard.ends_with("==") { 3 } else { 1 });
            prop_assert_eq!(ok(&String::from_utf8(bits).unwrap()), Err(TokenFault::Malformed));
        }
        // The signature's digits are small letters.
        let (head, rest) = text.split_at("partner_id=123456&sig=".len());
        let (digits, rest) = rest.split_at(40);
        let upper = digits.to_uppercase();
        prop_assume!(upper != digits);
        let shouted = STANDARD.encode(format!("{head}{upper}{rest}"));
        prop_assert_eq!(ok(&shouted), Err(TokenFault::Signature));
    }

    #[test]
    fn only_one_algorithm_and_three_parts(alg in "[a-zA-Z0-9]{0,8}", dots in prop::sample::select(vec![".", "..", ".x"])) {
        prop_assume!(alg != "HS256");
        let header = json!({"typ": "JWT", "alg": alg}).to_string();
        prop_assert_eq!(verify(&jwt_of(&header, &claims().to_string(), SECRET)), Err(TokenFault::Malformed));
        let token = jwt(&claims());
        for place in token.match_indices('.').map(|(place, _)| place).chain([0, token.len()]) {
            let more = format!("{}{dots}{}", &token[..place], &token[place..]);
            prop_assert!(verify(&more).is_err(), "{}", more);
        }
    }

    #[test]
    fn reading_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".*") {
        let lossy = String::from_utf8_lossy(&bytes);
        for token in [
            text.clone(),
            lossy.clone().into_owned(),
            format!("T1=={lossy}"),
            format!("T1=={}", STANDARD.encode(&bytes)),
            format!("{0}.{0}.{0}", URL_SAFE_NO_PAD.encode(&bytes)),
        ] {
            prop_assert!(token.is_empty() || verify(&token).is_err());
        }
        // A good signature over nonsense.
        let _ = (verify(&t1(&text)), verify(&t1(&lossy)));
        let _ = (verify(&jwt_of(HEADER, &text, SECRET)), verify(&jwt_of(&text, &claims().to_string(), SECRET)));
    }

    #[test]
    fn reading_changed_claims_never_panics(
        name in prop::sample::select(vec!["iss", "iat", "exp", "session_id", "role", "connection_data"]),
        value in prop_oneof![
            Just(json!(null)), Just(json!([])), Just(json!({"a": 1})), any::<i64>().prop_map(|n| json!(n)),
            any::<u64>().prop_map(|n| json!(n)), any::<f64>().prop_map(|n| json!(n)),
            ".{0,20}".prop_map(|text| json!(text)),
        ],
        shown in ".{0,20}",
    ) {
        let mut changed = claims();
        changed[name] = value;
        let tokens = [jwt(&changed), t1(&data(&format!("&{name}={shown}")))];
        for token in tokens.iter().filter_map(|token| verify(token).ok()) {
            let _ = (token.expires_at(), token.role(), token.initial_layout_class_list());
            prop_assert_eq!(token.partner_id, KEY);
        }
    }

    #[test]
    fn session_ids_are_read_or_refused(
        id in session_ids(),
        place in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..4),
        text in ".*",
    ) {
        let parts = Client::decode_session_id(DecodeSessionId::new(&id)).unwrap();
        prop_assert_eq!(parts.api_key.as_str(), KEY);
        // Changed in the middle: whatever it says, reading agrees with the check of the owner.
        let place = place.index(id.len() + 1);
        let lossy = String::from_utf8_lossy(&bytes);
        let raw = URL_SAFE_NO_PAD.encode(&bytes);
        for changed in [
            text,
            format!("{}{lossy}{}", &id[..place], &id[place..]),
            format!("1_{raw}"),
            format!("2_{}{raw}", &id[2..]),
            id[..place].to_owned(),
        ] {
            let owner = Client::decode_session_id(DecodeSessionId::new(&changed)).map(|parts| parts.api_key);
            let ours = at(NOW).generate_token(GenerateToken::new(&changed)).is_ok();
            prop_assert_eq!(ours, owner.is_ok_and(|key| key == KEY), "{}", changed);
        }
    }

    #[test]
    fn a_session_of_another_key_gets_no_token(key in "[0-9]{1,9}", t1_form in any::<bool>()) {
        prop_assume!(key != KEY);
        let format = if t1_form { TokenFormat::T1 } else { TokenFormat::Jwt };
        let request = GenerateToken::new(session_of(&key)).token_type(format);
        let error = at(NOW).generate_token(request).unwrap_err();
        let violations = error.violations().unwrap();
        prop_assert_eq!(violations.first().unwrap().rule, rtc_core::Rule::Conflict);
        prop_assert!(at(NOW).generate_token(GenerateToken::new(session())).is_ok());
    }
}
