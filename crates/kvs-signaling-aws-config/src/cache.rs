//! Credentials and how long they serve.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use kvs_signaling::Credentials;

/// How long before their end credentials are renewed, and how long those without an end are kept.
const MINUTE: Duration = Duration::from_secs(60);

/// Credentials with their times.
pub(crate) struct Kept {
    credentials: Arc<Credentials>,
    /// From then on new ones are asked for.
    renew_at: SystemTime,
    ends_at: Option<SystemTime>,
}

impl Kept {
    pub(crate) fn new(given: &AwsCredentials, now: SystemTime) -> Self {
        let ends_at = given.expiry();
        let credentials = Credentials::new(given.access_key_id(), given.secret_access_key())
            .with_session_token(given.session_token().unwrap_or_default());
        Self {
            credentials: Arc::new(credentials),
            renew_at: match ends_at {
                Some(end) => end.checked_sub(MINUTE).unwrap_or(SystemTime::UNIX_EPOCH),
                None => now + MINUTE,
            },
            ends_at,
        }
    }

    pub(crate) fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials)
    }

    /// Whether they serve without asking.
    pub(crate) fn is_fresh(&self, now: SystemTime) -> bool {
        now < self.renew_at
    }

    /// Whether they serve while no others can be had.
    pub(crate) fn is_usable(&self, now: SystemTime) -> bool {
        self.ends_at.is_some_and(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(life: Option<u64>) -> (Kept, impl Fn(u64) -> SystemTime) {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let at = move |seconds| start + Duration::from_secs(seconds);
        let given = AwsCredentials::new("AKIDEXAMPLE", "secret", None, life.map(at), "test");
        (Kept::new(&given, start), at)
    }

    #[test]
    fn what_ends_is_renewed_a_minute_before_and_serves_to_its_end() {
        let (kept, at) = kept(Some(300));
        assert!(kept.is_fresh(at(239)) && !kept.is_fresh(at(240)));
        assert!(kept.is_usable(at(299)) && !kept.is_usable(at(300)));
    }

    #[test]
    fn what_has_no_end_is_asked_for_every_minute() {
        let (kept, at) = kept(None);
        assert!(kept.is_fresh(at(59)) && !kept.is_fresh(at(60)));
        // Whoever took it out of the configuration meant it.
        assert!(!kept.is_usable(at(60)));
    }

    #[test]
    fn an_end_before_all_times_is_the_past() {
        let given = AwsCredentials::new("AKIDEXAMPLE", "secret", None, Some(SystemTime::UNIX_EPOCH), "test");
        let kept = Kept::new(&given, SystemTime::now());
        assert!(!kept.is_fresh(SystemTime::now()) && !kept.is_usable(SystemTime::now()));
    }
}
