//! The plugin binary: `pulumi-resource-fastcontainer [flags] [ENGINE_ADDRESS]`.
//!
//! The engine passes its address as the only positional argument; without one the process waits for `Attach`.
//! Flags that the engine may add (`--logtostderr`, `-v=9`, `--tracing ENDPOINT`) are accepted and ignored.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use clap::Parser;
use pulumi_resource_fastcontainer::{command_line::CommandLine, rpc::server, schema};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--version") => print(schema::VERSION),
        Some("--help" | "-h") => for_people(),
        Some(word) if is_command(word) => for_people(),
        _ => serve(engine_address(&arguments)),
    }
}

/// Anything but a flag or an address, so that a misspelled command is named instead of waited for.
fn is_command(word: &str) -> bool {
    !word.starts_with('-') && !word.contains(':')
}

fn for_people() -> ExitCode {
    match CommandLine::parse() {
        CommandLine::Schema => print(&format!("{:#}", schema::package_schema())),
        CommandLine::Explain(explain) => match explain.run() {
            Ok(text) => print(text.trim_end()),
            Err(text) => complain(&text),
        },
    }
}

/// A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => complain(&error.to_string()),
        _ => ExitCode::SUCCESS,
    }
}

#[expect(
    clippy::print_stderr,
    reason = "people and the engine look there for what went wrong"
)]
fn complain(text: &str) -> ExitCode {
    eprintln!("pulumi-resource-fastcontainer: {text}");
    ExitCode::FAILURE
}

/// Calls of the AWS SDK are deep: without optimisation they come close to the usual two mebibytes. What is not used
/// costs addresses only.
const STACK: usize = 8 * 1024 * 1024;

fn serve(engine_address: Option<String>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build();
    let served = runtime.map_err(Into::into).and_then(|runtime| {
        let served = runtime.block_on(server::serve(engine_address));
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string()),
    }
}

/// The positional argument; the value of `--tracing` is not one.
fn engine_address(arguments: &[String]) -> Option<String> {
    let mut positional = None;
    let mut skip = false;
    for argument in arguments {
        if skip {
            skip = false;
        } else if argument.starts_with('-') {
            skip = matches!(argument.as_str(), "--tracing" | "-tracing" | "-v" | "--v");
        } else {
            positional = Some(argument.clone());
        }
    }
    positional
}

#[cfg(test)]
mod tests {
    use super::{engine_address, is_command};

    #[test]
    fn a_word_is_a_command_and_an_address_is_none() {
        assert!(is_command("explain") && is_command("explian"));
        assert!(!is_command("127.0.0.1:5") && !is_command("[::1]:5") && !is_command("--tracing"));
    }

    #[test]
    fn flags_of_the_engine_are_no_address() {
        let given = |text: &str| engine_address(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(given("127.0.0.1:5").as_deref(), Some("127.0.0.1:5"));
        assert_eq!(
            given("--logtostderr -v=9 --tracing http://x 127.0.0.1:5").as_deref(),
            Some("127.0.0.1:5")
        );
        assert_eq!(given("--unknown 127.0.0.1:5").as_deref(), Some("127.0.0.1:5"));
        assert_eq!(given(""), None);
    }
}
