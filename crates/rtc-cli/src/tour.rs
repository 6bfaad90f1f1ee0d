//! `rtc tour`: one real story per provider, over real sockets, against the embedded emulator.

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

use rtc_emulator::Emulator;

mod enablex;
mod kvs_signaling;
mod mediasfu;
mod opentok;
mod sora_rpc;

/// What a story needs: the emulator, and a place to tell what happened.
pub(crate) struct Stage<'a> {
    pub(crate) emulator: &'a Emulator,
    out: &'a mut (dyn Write + Send),
    color: bool,
    steps: usize,
}

/// A step that did not go as it should.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

impl Stage<'_> {
    /// Tells a step that went well.
    pub(crate) fn tell(&mut self, what: &str, result: impl Display) -> Result<(), Failed> {
        self.steps += 1;
        let mark = if self.color { "\u{1b}[32m✓\u{1b}[0m" } else { "✓" };
        writeln!(self.out, "  {mark} {what:<44} {result}")?;
        Ok(())
    }

    /// Requires something that the story promises.
    pub(crate) fn require(&self, holds: bool, what: &str) -> Result<(), Failed> {
        if holds { Ok(()) } else { Err(format!("it does not hold that {what}").into()) }
    }
}

/// A provider's part of the tour: an async function over the stage.
macro_rules! story {
    ($stage:expr, $title:literal, $play:path) => {{
        let begun = Instant::now();
        let heading = if $stage.color { format!("\u{1b}[1m{}\u{1b}[0m", $title) } else { $title.to_owned() };
        writeln!($stage.out, "{heading}").map_err(|e| e.to_string())?;
        $play(&mut $stage).await.map_err(|e| format!("{}: {e}", $title))?;
        writeln!($stage.out, "    {} ms\n", begun.elapsed().as_millis()).map_err(|e| e.to_string())?;
    }};
}

/// Plays every story.
///
/// # Errors
/// Says which story failed, and why.
pub async fn run(out: &mut (dyn Write + Send), color: bool) -> Result<(), String> {
    let begun = Instant::now();
    let emulator =
        Emulator::builder().seed(7).start().await.map_err(|e| format!("the emulator cannot start: {e}"))?;
    writeln!(out, "rtc tour: five providers over real sockets, against the emulator at {}\n", emulator.url())
        .map_err(|e| e.to_string())?;
    let mut stage = Stage { emulator: &emulator, out, color, steps: 0 };
    story!(stage, "OpenTok: a session and a token for the host", opentok::play);
    story!(stage, "MediaSFU: one room with all kinds of care", mediasfu::play);
    story!(stage, "Kinesis Video Streams: TURN for a thousand viewers", kvs_signaling::play);
    story!(stage, "EnableX: a moderated room, old and new clients", enablex::play);
    story!(stage, "Sora: RPC over real data channels", sora_rpc::play);
    let steps = stage.steps;
    writeln!(stage.out, "{steps} steps, all as promised, in {:.1} s", begun.elapsed().as_secs_f64())
        .map_err(|e| e.to_string())
}

/// A secret as the tour shows it: its length, not its content.
pub(crate) fn hidden(secret: &str) -> String {
    format!("({} characters, not shown)", secret.chars().count())
}
