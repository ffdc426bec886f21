//! A function's memory: a limit by a control group, if this process may create one, and the high-water mark. Its
//! processor time.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A control group with a memory limit. When it is dropped, and its processes have ended, it is removed.
#[derive(Debug)]
pub struct Limit {
    folder: PathBuf,
}

impl Limit {
    /// A group with that name and limit; `None` if this process may not create one.
    pub fn new(name: &str, bytes: u64) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let is_second = root.join("cgroup.controllers").exists();
        let (parent, file) =
            if is_second { (root.to_owned(), "memory.max") } else { (root.join("memory"), "memory.limit_in_bytes") };
        let folder = parent.join(name);
        fs::create_dir(&folder).ok()?;
        let limit = Self { folder };
        // If the controller is not delegated, the file does not exist, and the group is dropped again.
        let file = fs::OpenOptions::new().write(true).open(limit.folder.join(file));
        std::io::Write::write_all(&mut file.ok()?, bytes.to_string().as_bytes()).ok()?;
        if is_second {
            // Lambda does not swap. Without swap there is no such file.
            let _ = fs::write(limit.folder.join("memory.swap.max"), "0");
        }
        Some(limit)
    }

    /// The file by which a process enters the group.
    pub fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // A remaining group is empty and harmless.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The most memory that the process had resident, in bytes.
pub fn high_water(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The processor time that the live threads of the process have used.
pub fn processor_time(process: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let nanoseconds = tasks.filter_map(|task| {
        fs::read_to_string(task.path().join("schedstat")).ok()?.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}
