//! The windows in which a session can be extended. The clock starts with the first one who comes. The first window
//! opens 10 minutes before the end, the final one 5 minutes before it, unless the first was used; an extension closes
//! the window, and the same begins again before the new end. There can be any number of extensions.

use rtc_core::validate::{Checks, Field};
use rtc_core::{Rule, Violations};
use serde::Serialize;

use crate::operation::ExtensionWindows;

/// When the windows open, in minutes before the end.
const FIRST: f64 = 10.0;
const FINAL: f64 = 5.0;

/// A window for extending a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExtensionWindow {
    /// From 10 minutes before the end until 5 minutes before it.
    First,
    /// From 5 minutes before the end.
    Final,
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExtensionState {
    /// The open window; none outside of them, and after the end.
    pub window: Option<ExtensionWindow>,
    /// How many minutes are left.
    pub time_left: f64,
}

/// The life of a session, in minutes since the first one came. It has no clock of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionLife {
    ends_at: f64,
    /// The window of the present end that was used; of an extension made outside of any, none.
    used: Option<ExtensionWindow>,
}

impl SessionLife {
    /// A session of `duration` minutes.
    #[must_use]
    pub fn new(duration: f64) -> Self {
        Self { ends_at: duration, used: None }
    }

    /// A session of which is known how much is left `elapsed` minutes after its beginning.
    #[must_use]
    pub fn with_left(elapsed: f64, left: f64) -> Self {
        Self::new(elapsed + left)
    }

    /// How it stands `elapsed` minutes after its beginning.
    #[must_use]
    pub fn at(&self, elapsed: f64) -> ExtensionState {
        let time_left = (self.ends_at - elapsed).max(0.0);
        let window = match time_left {
            left if left <= 0.0 || left > FIRST => None,
            left if left > FINAL => Some(ExtensionWindow::First),
            _ => Some(ExtensionWindow::Final),
        };
        ExtensionState { window: window.filter(|_| self.used.is_none()), time_left }
    }

    /// Notes that an extension was asked for: the windows before the present end are closed by that.
    pub fn trigger(&mut self, elapsed: f64) {
        self.used = self.at(elapsed).window.or(self.used);
    }

    /// Notes an extension by so many minutes. The windows open again before the new end.
    pub fn extend(&mut self, minutes: f64) {
        self.ends_at += minutes;
        self.used = None;
    }
}

/// Tells which window is open.
///
/// # Errors
/// Validation: a number is negative, an extension is not 10 to 30 minutes long, or lies in the future.
///
/// ```
/// use enablex::{ExtensionWindow, ExtensionWindows, extension_windows};
///
/// let state = extension_windows(ExtensionWindows::new(60.0, 51.0))?;
/// assert_eq!((state.window, state.time_left), (Some(ExtensionWindow::First), 9.0));
/// # Ok::<(), enablex::Error>(())
/// ```
#[allow(clippy::needless_pass_by_value, reason = "every operation takes its request by value")]
pub fn extension_windows(request: ExtensionWindows) -> crate::Result<ExtensionState> {
    request.validate()?;
    let mut checks = Checks::new();
    let mut life = SessionLife::new(request.duration);
    for extension in &request.extensions {
        if extension.at > request.elapsed {
            let field = Field::new("extensions", "extensions");
            checks.report(field, Rule::Range, None, "must have been made by now (elapsed)");
        }
        life.trigger(extension.at);
        life.extend(extension.extended_time);
    }
    let checked: Result<(), Violations> = checks.finish();
    checked?;
    Ok(life.at(request.elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Extension;

    #[test]
    fn the_windows_and_their_ends() {
        let life = SessionLife::new(60.0);
        for (elapsed, window) in [
            (0.0, None),
            (49.9, None),
            (50.0, Some(ExtensionWindow::First)),
            (54.9, Some(ExtensionWindow::First)),
            (55.0, Some(ExtensionWindow::Final)),
            (59.9, Some(ExtensionWindow::Final)),
            (60.0, None),
            (70.0, None),
        ] {
            assert_eq!(life.at(elapsed).window, window, "{elapsed}");
        }
    }

    #[test]
    fn an_extension_closes_the_window_and_the_steps_repeat() {
        let mut life = SessionLife::new(60.0);
        life.trigger(52.0);
        // Asked for, not granted yet: the final window stays closed, too.
        assert_eq!((life.at(53.0).window, life.at(56.0).window), (None, None));
        life.extend(20.0);
        assert_eq!(life.at(53.0).time_left, 27.0);
        assert_eq!(life.at(71.0).window, Some(ExtensionWindow::First));
        assert_eq!(life.at(76.0).window, Some(ExtensionWindow::Final));
    }

    #[test]
    fn numbers_that_no_session_has_are_refused() {
        let broken = |request: ExtensionWindows| {
            let error = extension_windows(request).unwrap_err();
            error
                .violations()
                .unwrap()
                .iter()
                .map(|violation| violation.field.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(broken(ExtensionWindows::new(-1.0, f64::NAN)), ["duration", "elapsed"]);
        let extended =
            |at, by| broken(ExtensionWindows::new(60.0, 55.0).extensions([Extension::new(at, by)]));
        assert_eq!(extended(51.0, 99.0), ["extensions.0.extended_time"]);
        assert_eq!(extended(51.0, 9.0), ["extensions.0.extended_time"]);
        assert_eq!(extended(-1.0, 20.0), ["extensions.0.at"]);
        assert_eq!(extended(56.0, 20.0), ["extensions"]);
    }
}
