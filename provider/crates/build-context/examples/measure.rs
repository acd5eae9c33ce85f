//! Compares walks with what the system needs for the same tree: `measure DIR [ROUNDS [ROW]]`.
//!
//! Prints medians and best times in milliseconds. The floors list every directory and stat every file, or read and hash every file, on
//! all cores, and keep nothing. Refuses to judge: it prints figures.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use fastcontainer_build_context::{IgnoreRules, Selection, StatCache, walk};
use rayon::Scope;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, statat};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().unwrap_or_else(|| ".".into()));
    let rounds: usize = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(11);
    let only: Option<usize> = arguments.next().and_then(|only| only.parse().ok());
    let folder = std::env::temp_dir().join(format!("measure-{}", std::process::id()));
    let cache = StatCache::new(&folder);
    let run = |cache: &StatCache| {
        let walked = walk(
            &root,
            &IgnoreRules::none(),
            &Selection::whole(),
            cache,
            &CancellationToken::new(),
        );
        drop(std::hint::black_box(walked.map(|snapshot| snapshot.digest())));
    };
    run(&cache);
    cache.persist();
    let names = [
        "floor: list and stat",
        "warm",
        "warm, new process",
        "floor: read and hash",
        "cold",
    ];
    let mut times = vec![Vec::new(); names.len()];
    for _ in 0..rounds {
        let measured: [&dyn Fn(); 5] = [
            &|| floor(&root, false),
            &|| run(&cache),
            &|| run(&StatCache::new(&folder)),
            &|| floor(&root, true),
            &|| run(&StatCache::disabled()),
        ];
        for (at, what) in measured
            .iter()
            .enumerate()
            .filter(|(at, _)| only.is_none_or(|only| only == *at))
        {
            let (start, cpu) = (Instant::now(), cpu_milliseconds());
            what();
            times[at].push((cpu_milliseconds() - cpu, start.elapsed().as_secs_f64() * 1e3));
        }
    }
    let mut report = String::new();
    for (name, times) in names.iter().zip(&mut times).filter(|(_, times)| !times.is_empty()) {
        let (mut cpu, mut wall): (Vec<f64>, Vec<f64>) = times.iter().copied().unzip();
        cpu.sort_by(f64::total_cmp);
        wall.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        report += &format!(
            "{name:22} {:8.2} ms, best {:8.2}; on all cores together {:8.2} ms, best {:8.2}\n",
            wall[middle], wall[0], cpu[middle], cpu[0]
        );
    }
    drop(std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes()));
    drop(std::fs::remove_dir_all(folder));
}

/// Time that all threads of this process have run, where the system tells it.
fn cpu_milliseconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let run = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.filter_map(run).sum::<f64>() / 1e6
}

fn floor(root: &Path, read: bool) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if let Ok(root) = openat(CWD, root, flags, Mode::empty()) {
        rayon::scope(|scope| folder(scope, root, read));
    }
}

fn folder(scope: &Scope<'_>, descriptor: OwnedFd, read: bool) {
    let mut buffer = Vec::with_capacity(32 * 1024);
    let mut entries = RawDir::new(descriptor.as_fd(), buffer.spare_capacity_mut());
    let mut piece = vec![0; if read { 128 * 1024 } else { 0 }];
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if name.to_bytes() == b"." || name.to_bytes() == b".." {
            continue;
        }
        if entry.file_type() == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            if let Ok(below) = openat(descriptor.as_fd(), name, flags, Mode::empty()) {
                scope.spawn(move |scope| folder(scope, below, read));
            }
        } else if !read {
            let _ = std::hint::black_box(statat(descriptor.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW));
        } else if let Ok(file) = openat(descriptor.as_fd(), name, OFlags::RDONLY, Mode::empty()) {
            let mut hash = Sha256::new();
            while let Ok(length @ 1..) = rustix::io::read(&file, &mut piece[..]) {
                hash.update(&piece[..length]);
            }
            std::hint::black_box(hash.finalize());
        }
    }
}
