//! A file of a session, into a file of this machine, with its progress on a terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Seek as _, SeekFrom, Write as _};

use enablex::{Client, DownloadRecording, RecordingDownload};
use serde::Serialize;

use crate::outcome::{Outcome, Run};

/// How wide the bar is, in characters.
const BAR: u64 = 30;

/// What was written.
#[derive(Serialize)]
struct Saved<'a> {
    file: &'a str,
    /// The length of the file on this machine.
    length: u64,
    received: u64,
    total: Option<u64>,
    content_type: Option<&'a str>,
}

/// Downloads into the file at `path`. With an offset it goes on in a file that has that much already; what came stays
/// there if it fails.
pub(super) async fn to_file(client: &Client, request: DownloadRecording, path: &str, run: &Run) -> Outcome {
    let mut download = match client.open_recording(request).await {
        Ok(download) => download,
        Err(error) => return run.failed(&error),
    };
    let unwritable =
        |error: io::Error| Outcome::usage("options.file", format!("{path} cannot be written: {error}"));
    let mut file = match open(path, download.position()) {
        Ok(file) => file,
        Err(error) => return unwritable(error),
    };
    let mut bar = Bar::new(io::stderr().is_terminal());
    loop {
        match download.next().await {
            Ok(Some(piece)) => {
                if let Err(error) = file.write_all(&piece) {
                    bar.end();
                    return unwritable(error);
                }
                bar.show(&download);
            }
            Ok(None) => break,
            Err(error) => {
                bar.end();
                eprintln!("rtc: {path} has {} bytes: go on with that offset", download.position());
                return run.failed(&error);
            }
        }
    }
    bar.end();
    let saved = Saved {
        file: path,
        length: download.position(),
        received: download.received(),
        total: download.total(),
        content_type: download.head().content_type.as_deref(),
    };
    match file.sync_all() {
        Ok(()) => run.done(&saved, None, None, 1),
        Err(error) => unwritable(error),
    }
}

/// The file, cut off at `position` and to be written from there.
fn open(path: &str, position: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let length = file.metadata()?.len();
    if length < position {
        return Err(io::Error::other(format!("it has {length} bytes, which is less than the offset")));
    }
    file.set_len(position)?;
    file.seek(SeekFrom::Start(position))?;
    Ok(file)
}

/// The progress, on a terminal only.
struct Bar {
    visible: bool,
    /// What was shown: drawing costs more than receiving.
    shown: Option<u64>,
}

impl Bar {
    fn new(visible: bool) -> Self {
        Self { visible, shown: None }
    }

    fn show(&mut self, download: &RecordingDownload) {
        let (position, total) = (download.position(), download.total());
        let step = progress(position, total);
        if !self.visible || self.shown == Some(step) {
            return;
        }
        self.shown = Some(step);
        // A terminal that is gone does not end a download.
        let _ = write!(io::stderr(), "\r{}", line(position, total));
    }

    fn end(&self) {
        if self.shown.is_some() {
            let _ = writeln!(io::stderr());
        }
    }
}

/// How far it is: in hundredths, or in MiB where the total is not known.
fn progress(position: u64, total: Option<u64>) -> u64 {
    match total {
        Some(total) => position.saturating_mul(100).checked_div(total).unwrap_or(100).min(100),
        None => position >> 20,
    }
}

fn line(position: u64, total: Option<u64>) -> String {
    let mib = |bytes: u64| format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20);
    let Some(total) = total else { return mib(position) };
    let done = progress(position, Some(total));
    let full: String = (0..BAR).map(|i| if i * 100 < done * BAR { '#' } else { ' ' }).collect();
    format!("[{full}] {done:>3} % of {}", mib(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(line(0, Some(3 << 20)), format!("[{}]   0 % of 3.0 MiB", " ".repeat(30)));
        assert_eq!(
            line(3 << 19, Some(3 << 20)),
            format!("[{}{}]  50 % of 3.0 MiB", "#".repeat(15), " ".repeat(15))
        );
        assert_eq!(line(7, Some(7)), format!("[{}] 100 % of 0.0 MiB", "#".repeat(30)));
        assert_eq!(line(0, Some(0)), format!("[{}] 100 % of 0.0 MiB", "#".repeat(30)));
        assert_eq!(line((5 << 20) + (1 << 19), None), "5.5 MiB");
    }

    #[tokio::test]
    async fn a_recording_in_one_go_and_in_two() {
        let emulator = rtc_emulator::Emulator::start().await.unwrap();
        let (client, url) = scene(&emulator).await;
        let folder = std::env::temp_dir().join(format!("rtc-download-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("file.mkv");
        let path = path.to_str().unwrap();
        let save = async |offset: Option<u64>| {
            let mut request = DownloadRecording::new(&url);
            request.offset = offset;
            to_file(&client, request, path, &Run::default()).await.body
        };
        let whole = save(None).await;
        assert_eq!(whole["ok"], true, "{whole}");
        let content = std::fs::read(path).unwrap();
        assert_eq!(whole["output"]["length"], content.len());
        std::fs::write(path, &content[..100]).unwrap();
        let rest = save(Some(100)).await;
        assert_eq!(rest["output"]["received"], content.len() - 100, "{rest}");
        assert_eq!(std::fs::read(path).unwrap(), content);
        // There is less than the offset says: a hole would be no recording.
        std::fs::write(path, &content[..99]).unwrap();
        assert_eq!(save(Some(100)).await["ok"], false);
        assert_eq!(std::fs::read(path).unwrap(), content[..99]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    async fn scene(emulator: &rtc_emulator::Emulator) -> (Client, String) {
        use enablex::{ConnectRoom, CreateRoom, CreateToken, Credentials, GetArchiveByConference};
        let access = emulator.enablex();
        let recordings = enablex::RecordingAccess::new(access.recording_user(), access.recording_password());
        let client = Client::builder(Credentials::new(access.app_id(), access.app_key()))
            .recordings(recordings.allow_host("127.0.0.1"))
            .endpoint(access.url())
            .build()
            .unwrap();
        let room = CreateRoom::new("n", "o", enablex::RoomSettings::new(2));
        let room = client.create_room(room).await.unwrap().room_id;
        let token = CreateToken::new(room, "Mo", enablex::Role::Moderator, "mo");
        let token = client.create_token(token).await.unwrap().token;
        let (live, _events) = client.connect_room(ConnectRoom::new(token)).await.unwrap();
        let session = live.state().conf_num.unwrap();
        live.start_record().await.unwrap();
        live.stop_record().await.unwrap();
        live.close().await;
        let archive = client.get_archive_by_conference(GetArchiveByConference::new(session)).await.unwrap();
        let url = archive.archive[0].recording[0].clone();
        (client, url)
    }
}
