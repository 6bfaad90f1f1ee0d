//! From nothing to RPC: `Connection::connect` to the emulator (WebSocket, signaling, ICE, DTLS, SCTP, five data channels,
//! `switched`), against two bare str0m peers in this process that hand each other their session descriptions and open one
//! data channel: both over UDP on loopback, taking turns on one core. Rounds are interleaved; the figures are medians.
//!
//! `cargo xtask bench sora_connect`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rtc_bench::{Outcome, median};
use rtc_emulator::Emulator;
use sora_rpc::Connection;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::net::UdpSocket;

const ROUNDS: usize = 20;
const GOAL: f64 = 3.0;

/// One end of a bare connection.
struct Bare {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
}

impl Bare {
    async fn new() -> Outcome<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let mut rtc = Rtc::builder().build(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp")?);
        Ok(Self { rtc, socket, address })
    }

    /// Runs until it is dropped; tells when the data channel is open.
    async fn run(mut self, opened: tokio::sync::oneshot::Sender<()>) -> Outcome<()> {
        let mut opened = Some(opened);
        let mut buffer = vec![0; 2000];
        loop {
            let input = match self.rtc.poll_output()? {
                Output::Transmit(packet) => {
                    self.socket.send_to(&packet.contents, packet.destination).await?;
                    continue;
                }
                Output::Event(event) => {
                    if matches!(event, Event::ChannelOpen(..)) {
                        opened.take().map(|opened| opened.send(()));
                    }
                    continue;
                }
                Output::Timeout(at) => tokio::select! {
                    received = self.socket.recv_from(&mut buffer) => {
                        let (length, source) = received?;
                        let bytes = buffer.get(..length).unwrap_or_default();
                        Input::Receive(Instant::now(), Receive::new(Protocol::Udp, source, self.address, bytes)?)
                    }
                    () = tokio::time::sleep_until(at.into()) => Input::Timeout(Instant::now()),
                },
            };
            self.rtc.handle_input(input)?;
        }
    }
}

async fn bare() -> Outcome<Duration> {
    let begun = Instant::now();
    let (mut offerer, mut answerer) = (Bare::new().await?, Bare::new().await?);
    let mut api = offerer.rtc.sdp_api();
    api.add_channel("rpc".into());
    let (offer, pending) = api.apply().ok_or("there is nothing to offer")?;
    let answer = answerer.rtc.sdp_api().accept_offer(offer)?;
    offerer.rtc.sdp_api().accept_answer(pending, answer)?;
    let mut waits = Vec::new();
    let mut tasks = tokio::task::JoinSet::new();
    for peer in [offerer, answerer] {
        let (opened, wait) = tokio::sync::oneshot::channel();
        waits.push(wait);
        tasks.spawn_local(async move { Box::pin(peer.run(opened)).await.map_err(|error| error.to_string()) });
    }
    for wait in waits {
        wait.await?;
    }
    Ok(begun.elapsed())
}

async fn ours(emulator: &Emulator) -> Outcome<Duration> {
    let begun = Instant::now();
    let sora = emulator.sora();
    let (connection, _events) =
        Connection::builder([sora.signaling_url()], sora.channel_id()).connect().await?;
    connection.rpc().ready(Duration::from_secs(10)).await?;
    let elapsed = begun.elapsed();
    connection.disconnect().await?;
    Ok(elapsed)
}

async fn measure() -> Outcome<()> {
    let emulator = Emulator::start().await?;
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let row = (
            Box::pin(bare()).await?.as_secs_f64() * 1e3,
            Box::pin(ours(&emulator)).await?.as_secs_f64() * 1e3,
        );
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }
    println!("{ROUNDS} interleaved rounds");
    println!("{:<36} {:>8} {:>8}", "", "ms", "x bare");
    println!("{:<36} {:>8.1} {:>8.2}", "two bare peers, one data channel", median(&rounds, |row| row.0), 1.0);
    let ratio = median(&rounds, |row| row.1 / row.0);
    println!("{:<36} {:>8.1} {ratio:>8.2}", "our Connection, RPC ready", median(&rounds, |row| row.1));
    println!("goal: at most {GOAL} x two bare peers");
    if ratio <= GOAL { Ok(()) } else { Err("the goal is missed".into()) }
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, measure())
}
