//! A function's memory: the limit that a control group sets, where this process may make one, and the high-water mark.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A control group with a limit of memory. It is removed when it is dropped, once its processes have ended.
#[derive(Debug)]
pub struct Limit {
    folder: PathBuf,
}

impl Limit {
    /// A group of that name that may use so much; `None` where this process may not make one.
    pub fn new(name: &str, bytes: u64) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let is_second = root.join("cgroup.controllers").exists();
        let (parent, file) =
            if is_second { (root.to_owned(), "memory.max") } else { (root.join("memory"), "memory.limit_in_bytes") };
        let folder = parent.join(name);
        fs::create_dir(&folder).ok()?;
        let limit = Self { folder };
        // Where the controller is not handed down, the file is not there, and the group is dropped again.
        let file = fs::OpenOptions::new().write(true).open(limit.folder.join(file));
        std::io::Write::write_all(&mut file.ok()?, bytes.to_string().as_bytes()).ok()?;
        if is_second {
            // Lambda does not swap. Where there is no swap, there is no such file.
            let _ = fs::write(limit.folder.join("memory.swap.max"), "0");
        }
        Some(limit)
    }

    /// The file that a process enters the group by.
    pub fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // A group that is left behind is empty and harmless.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The most memory that the process had resident, in bytes.
pub fn high_water(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
