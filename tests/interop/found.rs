//! What a suite found.

/// Everything found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Found {
    pub(crate) fn check(&mut self, what: &str, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("  {what}");
            }
            Err(error) => self.fail(&format!("{what}: {error}")),
        }
    }

    pub(crate) fn fail(&mut self, what: &str) {
        self.failed += 1;
        println!("FAILED {what}");
    }

    pub(crate) fn skip(&mut self, what: &str) {
        self.skipped += 1;
        println!("skipped: {what}");
    }
}
