//! The smallest programs there are: one for each architecture, which does nothing but end with success.
//!
//! Follows the ELF specification and each architecture's system call convention of Linux: one loadable segment that
//! holds the whole file, and `exit(0)` as three instructions. Whether a machine can run one says whether it can run
//! programs of that architecture. Refuses architectures for which none was tried out.

/// Where the file is loaded: a multiple of every page size.
const ADDRESS: u64 = 0x40_0000;
const PAGE: u64 = 0x1_0000;

/// What an architecture's programs look like.
struct Form {
    /// `e_machine`.
    machine: u16,
    /// `e_flags`.
    flags: u32,
    /// Whether addresses have 64 bits.
    wide: bool,
    /// Whether the first byte of a number is its highest.
    big_endian: bool,
    /// `exit(0)`.
    code: &'static [u8],
}

fn form(architecture: &str) -> Option<Form> {
    let little = |machine, wide, code| Form {
        machine,
        flags: 0,
        wide,
        big_endian: false,
        code,
    };
    Some(match architecture {
        // xor edi, edi; mov eax, 60; syscall
        "amd64" => little(62, true, &[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]),
        // xor ebx, ebx; mov eax, 1; int 0x80
        "386" => little(3, false, &[0x31, 0xdb, 0xb8, 1, 0, 0, 0, 0xcd, 0x80]),
        // mov x0, 0; mov x8, 93; svc 0
        "arm64" => little(183, true, &[0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4]),
        // mov r0, 0; mov r7, 1; svc 0
        "arm" => Form {
            flags: 0x0500_0000,
            ..little(40, false, &[0, 0, 0xa0, 0xe3, 1, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef])
        },
        // li a0, 0; li a7, 93; ecall
        "riscv64" => little(243, true, &[0x13, 0x05, 0, 0, 0x93, 0x08, 0xd0, 0x05, 0x73, 0, 0, 0]),
        // li r0, 1; li r3, 0; sc
        "ppc64le" => Form {
            flags: 2,
            ..little(21, true, &[1, 0, 0, 0x38, 0, 0, 0x60, 0x38, 2, 0, 0, 0x44])
        },
        // lghi %r2, 0; svc 1
        "s390x" => Form {
            big_endian: true,
            ..little(22, true, &[0xa7, 0x29, 0, 0, 0x0a, 1])
        },
        _ => return None,
    })
}

/// A program of this architecture that ends with success; `None` for an architecture without one.
pub(crate) fn that_ends(architecture: &str) -> Option<Vec<u8>> {
    let form = form(architecture)?;
    let (header, segment) = if form.wide { (64, 56) } else { (52, 32) };
    let size = header + segment + form.code.len() as u64;
    let mut file = Writer::new(&form);
    file.raw(b"\x7fELF");
    file.raw(&[1 + u8::from(form.wide), 1 + u8::from(form.big_endian), 1]);
    file.raw(&[0; 9]);
    file.number(2, 2);
    file.number(form.machine.into(), 2);
    file.number(1, 4);
    file.address(ADDRESS + header + segment);
    file.address(header);
    file.address(0);
    file.number(form.flags.into(), 4);
    for number in [header, segment, 1, 0, 0, 0] {
        file.number(number, 2);
    }
    // A segment that is loaded, readable and executable; its flags stand elsewhere in narrow files.
    file.number(1, 4);
    if form.wide {
        file.number(5, 4);
    }
    for address in [0, ADDRESS, ADDRESS, size, size] {
        file.address(address);
    }
    if !form.wide {
        file.number(5, 4);
    }
    file.address(PAGE);
    file.raw(form.code);
    Some(file.bytes)
}

/// Writes numbers in an architecture's order and width.
struct Writer<'a> {
    form: &'a Form,
    bytes: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(form: &'a Form) -> Self {
        Self {
            form,
            bytes: Vec::new(),
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn address(&mut self, value: u64) {
        self.number(value, if self.form.wide { 8 } else { 4 });
    }

    fn number(&mut self, value: u64, width: usize) {
        if self.form.big_endian {
            self.bytes.extend_from_slice(&value.to_be_bytes()[8 - width..]);
        } else {
            self.bytes.extend_from_slice(&value.to_le_bytes()[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// Each of these files was run under QEMU's emulator of its architecture, so none may change unseen.
    #[test]
    fn the_programs_are_those_that_were_tried_out() {
        let known = ["amd64", "386", "arm64", "arm", "riscv64", "ppc64le", "s390x"];
        let programs = known.map(|architecture| that_ends(architecture).unwrap());
        assert_eq!(programs.each_ref().map(Vec::len), [129, 93, 132, 96, 132, 132, 126]);
        let digest = Sha256::digest(programs.concat());
        assert_eq!(hex::encode(&digest[..8]), "94a7cac7990b56b8");
        assert_eq!(that_ends("pdp11"), None);
    }

    /// The kernel itself judges those that it can run.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn this_machine_runs_its_own_program() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        std::fs::write(&path, that_ends("amd64").unwrap()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(std::process::Command::new(&path).status().unwrap().success());
    }
}
