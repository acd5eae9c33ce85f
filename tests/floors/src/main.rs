//! `floors TREE`: what one check of a build context costs beside the least that any program can do with that directory.
//!
//! Prints one line of JSON per measure: its name, the medians of both sides in milliseconds, and the number of rounds. The
//! sides take turns on the same threads (rayon's), in this process, with the directory in the page cache. Refuses a tree of
//! which the two sides see different files. Both sides use calls of Linux.

#[cfg(target_os = "linux")]
mod check;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod plain;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tree = std::env::args_os().nth(1).ok_or("usage: floors TREE")?;
    measure::all(std::path::Path::new(&tree))
}

#[cfg(not(target_os = "linux"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    Err("the floors are made of calls that only Linux has".into())
}
