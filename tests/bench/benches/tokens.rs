//! What a client token costs: our `generate_token` against its floor, and against the official SDKs for Node and
//! Python where they are installed (`cargo xtask bench tokens` does that, into `target/interop`).
//!
//! The floor is what no maker of such a token can do without: one HMAC over the same bytes, its key prepared
//! once, and base64 into a new text. Ours also reads the clock, draws the nonce, checks all of its input, takes
//! the session id apart to see whose it is, and wipes the token's memory in the end. Rounds are interleaved;
//! the figures are the medians of the rounds.

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use opentok::{Client, Credentials, GenerateToken, Role, TokenFormat};
use rtc_bench::{Outcome, median, nanos};
use sha1::Sha1;
use sha2::Sha256;

/// Many short rounds: most of them end before somebody else gets the core.
const ROUNDS: usize = 1000;
const TOKENS: u32 = 500;
const KEY: &str = "123456";
const SECRET: &str = "1234567890abcdef1234567890abcdef12345678";
const SESSION: &str = "1_MX4xMjM0NTZ-flNhdCBNYXIgMTUgMTQ6NDI6MjMgUERUIDIwMTR-MC40OTAxMzAyNX4";
const DATA: &str = "name=Johnny";
const FORMS: [&str; 2] = ["JWT", "T1"];

fn main() -> Outcome<()> {
    let client = Client::new(Credentials::new(KEY, SECRET))?;
    let make = |form: TokenFormat| {
        let request =
            GenerateToken::new(SESSION).role(Role::Moderator).connection_data(DATA).token_type(form);
        client.generate_token(request)
    };
    let floor = Floor::new(make(TokenFormat::Jwt)?.expose(), make(TokenFormat::T1)?.expose())?;
    let makers: [&dyn Fn(); 4] = [
        &|| drop(black_box(floor.jwt())),
        &|| drop(black_box(floor.t1())),
        &|| drop(black_box(make(TokenFormat::Jwt))),
        &|| drop(black_box(make(TokenFormat::T1))),
    ];
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [0.0; 4];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..4 {
            let at = (round + turn) % 4;
            row[at] = nanos(TOKENS, makers[at]);
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }
    report(&rounds);
    Ok(())
}

/// Signs the bytes of two tokens over and over.
struct Floor {
    sha256: Hmac<Sha256>,
    sha1: Hmac<Sha1>,
    header: String,
    claims: Vec<u8>,
    inner: Vec<u8>,
    /// Where that begins which a T1 token's signature covers.
    data: usize,
}

impl Floor {
    fn new(jwt: &str, t1: &str) -> Outcome<Self> {
        let (header, rest) = jwt.split_once('.').ok_or("no JWT")?;
        let (claims, _) = rest.split_once('.').ok_or("no JWT")?;
        let inner = STANDARD.decode(t1.strip_prefix("T1==").ok_or("no T1 token")?)?;
        let floor = Self {
            sha256: Hmac::new_from_slice(SECRET.as_bytes())?,
            sha1: Hmac::new_from_slice(SECRET.as_bytes())?,
            header: format!("{header}."),
            claims: URL_SAFE_NO_PAD.decode(claims)?,
            data: inner.iter().position(|byte| *byte == b':').ok_or("no T1 token")? + 1,
            inner,
        };
        if floor.jwt() != jwt || floor.t1() != t1 {
            return Err("the floor makes other tokens than we do".into());
        }
        Ok(floor)
    }

    fn jwt(&self) -> String {
        let mut token = String::with_capacity(self.header.len() + self.claims.len() * 4 / 3 + 48);
        token.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(black_box(&self.claims), &mut token);
        let signature = self.sha256.clone().chain_update(&token).finalize().into_bytes();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    fn t1(&self) -> String {
        let data = black_box(&self.inner[self.data..]);
        black_box(self.sha1.clone().chain_update(data).finalize().into_bytes());
        let mut token = String::with_capacity(8 + self.inner.len() * 4 / 3);
        token.push_str("T1==");
        STANDARD.encode_string(black_box(&self.inner), &mut token);
        token
    }
}

fn report(rounds: &[[f64; 4]]) {
    println!("client tokens, {ROUNDS} interleaved rounds of {TOKENS} tokens, one core");
    println!("{:<20} {:>12} {:>9} {:>12} {:>9}", "maker", "JWT/s", "x floor", "T1/s", "x floor");
    let row = |name: &str, nanos: [f64; 2], ratios: [f64; 2]| {
        let speed = nanos.map(|nanos| 1e9 / nanos);
        println!("{name:<20} {:>12.0} {:>9.2} {:>12.0} {:>9.2}", speed[0], ratios[0], speed[1], ratios[1]);
    };
    let of = |at: usize| median(rounds, |round| round[at]);
    let (floor, ours) = ([of(0), of(1)], [of(2), of(3)]);
    row("floor", floor, [1.0; 2]);
    row("opentok (ours)", ours, [median(rounds, |r| r[2] / r[0]), median(rounds, |r| r[3] / r[1])]);
    for (name, peer) in [("npm opentok", node()), ("PyPI opentok", python())] {
        match peer {
            Ok(nanos) => {
                row(name, nanos, [nanos[0] / floor[0], nanos[1] / floor[1]]);
                println!("    ours is {:.0} and {:.0} times as fast", nanos[0] / ours[0], nanos[1] / ours[1]);
            }
            Err(reason) => println!("{name:<20} skipped: {reason}"),
        }
    }
    println!("goal: ours at most 2 x the floor's time, at least 20 times as fast as npm and PyPI");
}

fn node() -> Result<[f64; 2], String> {
    peer("node", "node", "tokens.mjs")
}

fn python() -> Result<[f64; 2], String> {
    peer("python", "python3", "tokens.py")
}

/// Time per token of a peer, JWT and T1, as its own driver measures it.
fn peer(folder: &str, program: &str, driver: &str) -> Result<[f64; 2], String> {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages: PathBuf = bench.join("../../target/interop").join(folder);
    if !packages.is_dir() {
        return Err(format!("needs its packages in target/interop/{folder}: run `cargo xtask bench tokens`"));
    }
    let output = Command::new(program)
        .arg(bench.join("peers").join(driver))
        .args([KEY, SECRET, SESSION, DATA])
        .env("PYTHONPATH", &packages)
        .current_dir(&packages)
        .output()
        .map_err(|error| format!("needs {program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let nanos = |form| said.lines().find_map(|line| line.strip_prefix(form)?.trim().parse().ok());
    match FORMS.map(nanos) {
        [Some(jwt), Some(t1)] => Ok([jwt, t1]),
        _ => Err(format!("its driver failed: {}", String::from_utf8_lossy(&output.stderr).trim_end())),
    }
}
