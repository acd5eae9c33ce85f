//! When a file's time stamps prove that it is unchanged.
//!
//! A file system stamps a change with its clock, which moves in steps. A file that is read within the step of its last
//! change could be changed again in the same step and keep its stamps. Linux steps by 10 ms at most; file systems that
//! store whole seconds (old ext4 inodes) show it by stamps without a fraction. So a file has rested when both stamps are
//! older than two steps. That compares the stamps with this machine's clock, which is right only for file systems of
//! this machine: [`is_local`] names those that are known to be so, and to keep a true status-change time.

use std::os::fd::AsFd;
use std::time::Duration;

use super::root::nanoseconds_now;
use crate::beneath::Seen;

/// Two steps of the kernel's clock.
const STEP: i64 = 20_000_000;
/// Two steps of a file system that stores whole seconds.
const WHOLE_SECONDS: i64 = 2_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// The time at which reading a file begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(i64);

impl Clock {
    pub(crate) fn now() -> Self {
        Self(nanoseconds_now())
    }

    /// How long to wait before reading a file proves anything; none for stamps of the future, which no waiting helps.
    pub(crate) fn until_rested(self, seen: &Seen) -> Option<Duration> {
        let left = rested(seen) - self.0;
        if left < 0 {
            return Some(Duration::ZERO);
        }
        let youngest = seen.ctime_ns.max(seen.mtime_ns);
        let wait = Duration::from_nanos(u64::try_from(left).unwrap_or(0) + 1);
        (youngest <= self.0).then_some(wait)
    }

    /// Whether a file whose reading begins now cannot change without a trace.
    pub(crate) fn proves(self, seen: &Seen) -> bool {
        rested(seen) < self.0
    }
}

/// The time from which on a file has rested.
fn rested(seen: &Seen) -> i64 {
    let step = if seen.ctime_ns % SECOND == 0 {
        WHOLE_SECONDS
    } else {
        STEP
    };
    seen.ctime_ns.max(seen.mtime_ns).saturating_add(step)
}

/// Whether a file is on a file system of this machine.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_local(file: impl AsFd) -> bool {
    /// `ext2` to `ext4`, XFS, Btrfs, tmpfs, overlayfs, ZFS, F2FS, bcachefs, ramfs, EROFS, SquashFS.
    const LOCAL: [i128; 11] = [
        0xEF53,
        0x5846_5342,
        0x9123_683E,
        0x0102_1994,
        0x794C_7630,
        0x2FC1_2FC1,
        0xF2F5_2010,
        0xCA45_1A4E,
        0x8584_58F6,
        0xE0F5_E1E2,
        0x7371_7368,
    ];
    let kind = |stat: rustix::fs::StatFs| i128::from(stat.f_type) & 0xFFFF_FFFF;
    rustix::fs::fstatfs(file).is_ok_and(|stat| LOCAL.contains(&kind(stat)))
}

/// Whether a file is on a file system of this machine.
#[cfg(target_os = "macos")]
pub(crate) fn is_local(file: impl AsFd) -> bool {
    /// `MNT_LOCAL` of `sys/mount.h`.
    const LOCAL: u32 = 0x1000;
    rustix::fs::fstatfs(file).is_ok_and(|stat| stat.f_flags & LOCAL != 0)
}

/// Whether a file is on a file system of this machine: unknown here, so no.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
pub(crate) fn is_local(_file: impl AsFd) -> bool {
    false
}
