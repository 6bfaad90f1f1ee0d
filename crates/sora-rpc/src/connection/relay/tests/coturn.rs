//! A coturn of one's own.

use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rtc_core::ClientConfig;
use tempfile::TempDir;

/// Ends with the value.
pub(super) struct Coturn {
    child: Child,
    ip: &'static str,
    port: u16,
    tls_port: u16,
    root: String,
    _files: TempDir,
}

impl Coturn {
    /// None, with a word about it, where it is not installed.
    pub(super) fn start(options: &[&str]) -> Option<Self> {
        Self::start_on("127.0.0.1", &[&["--allow-loopback-peers"], options].concat())
    }

    /// Without leave to relay to loopback, unless the options give it.
    pub(super) fn start_on(ip: &'static str, options: &[&str]) -> Option<Self> {
        let installed = Command::new("turnserver").arg("--version").output().is_ok();
        if !installed {
            eprintln!("skipped: needs turnserver (Debian: apt-get install coturn)");
            return None;
        }
        let Some((port, tls_port)) = free_port(ip).zip(free_port(ip)) else {
            eprintln!("skipped: needs a port on {ip}");
            return None;
        };
        let files = TempDir::new().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let write = |name: &str, text: String| {
            let path = files.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let root = made.cert.pem();
        let mut command = Command::new("turnserver");
        command
            .args(["-n", "--no-cli", "--no-dtls", "--lt-cred-mech", "--user=user:canary-password"])
            .args(["--realm=test", "--no-stdout-log", "--listening-ip", ip, "--relay-ip", ip])
            .args(["--listening-port", &port.to_string(), "--tls-listening-port", &tls_port.to_string()])
            .args(["--cert", &write("cert.pem", root.clone())])
            .args(["--pkey", &write("key.pem", made.signing_key.serialize_pem())])
            .args(["--userdb", &write("db", String::new()), "--pidfile", &write("pid", String::new())])
            .args(["--log-file", &write("log", String::new()), "--simple-log"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let coturn = Self { child, ip, port, tls_port, root, _files: files };
        coturn.wait();
        Some(coturn)
    }

    /// Asks for a STUN binding until it is answered, and that the TLS port takes connections.
    fn wait(&self) {
        let start = Instant::now();
        let socket = UdpSocket::bind((self.ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut request = [0; 20];
        request[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42]);
        while start.elapsed() < Duration::from_secs(20) {
            let _ = socket.send_to(&request, (self.ip, self.port));
            let answered = socket.recv(&mut [0; 1000]).is_ok();
            if answered && std::net::TcpStream::connect((self.ip, self.tls_port)).is_ok() {
                return;
            }
        }
        let log = std::fs::read_to_string(self._files.path().join("log")).unwrap_or_default();
        panic!("coturn does not answer: {log}");
    }

    pub(super) fn udp(&self) -> String {
        match self.ip.contains(':') {
            true => format!("turn:[{}]:{}", self.ip, self.port),
            false => format!("turn:{}:{}", self.ip, self.port),
        }
    }

    pub(super) fn tcp(&self) -> String {
        format!("{}?transport=tcp", self.udp())
    }

    /// By the name that the certificate has.
    pub(super) fn tls(&self) -> String {
        format!("turns:localhost:{}", self.tls_port)
    }

    /// By an address that the certificate does not have.
    pub(super) fn misnamed_tls(&self) -> String {
        format!("turns:{}:{}", self.ip, self.tls_port)
    }

    /// Trusts its certificate.
    pub(super) fn config(&self) -> ClientConfig {
        let mut config = super::config();
        config.root_certificates = vec![self.root.clone().into_bytes()];
        config
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.kill();
    }
}

/// coturn takes no port 0. Free for both TCP and UDP.
fn free_port(ip: &str) -> Option<u16> {
    (0..20).find_map(|_| {
        let port = TcpListener::bind((ip, 0)).ok()?.local_addr().ok()?.port();
        UdpSocket::bind((ip, port)).ok().map(|_| port)
    })
}
