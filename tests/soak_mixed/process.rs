//! What this process holds, by the system's account. None where there is no `/proc`.

/// Memory that is in use, in KiB.
pub(crate) fn memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Open sockets.
pub(crate) fn sockets() -> Option<u64> {
    let files = std::fs::read_dir("/proc/self/fd").ok()?.flatten();
    let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    Some(targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() as u64)
}
