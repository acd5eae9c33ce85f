//! The `aws-emulator` program: reads its arguments, starts the listeners, says so, and runs until it is told to stop.
//!
//! The one line on standard output, `listening http=ADDRESS https=ADDRESS`, appears when both serve; `-` stands for a
//! listener that was not asked for.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use aws_emulator::{Addresses, BuildHost, Server, Settings};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Stands in for ECR, S3, CloudWatch Logs, SSM, Secrets Manager, KMS, STS and public registries.
#[derive(Parser)]
#[command(name = "aws-emulator")]
struct Arguments {
    /// Address of the plain listener, which also has the admin plane and the plain registry.
    #[arg(long, default_value = "127.0.0.1:0")]
    http: SocketAddr,
    /// Address of the TLS listener.
    #[arg(long, requires = "tls_dir")]
    https: Option<SocketAddr>,
    /// Directory of ca.pem, bundle.pem and the server certificate; filled if empty.
    #[arg(long)]
    tls_dir: Option<PathBuf>,
    /// Directory of blobs and repositories.
    #[arg(long)]
    data: PathBuf,
    /// Region that the certificate covers; may be repeated.
    #[arg(long, default_values = ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"])]
    region: Vec<String>,
    /// Account of the access key.
    #[arg(long, default_value = "123456789012")]
    account: String,
    /// Id of the access key.
    #[arg(long, default_value = "test")]
    access_key: String,
    /// Secret of the access key.
    #[arg(long, default_value = "test")]
    secret_key: String,
    /// User of the plain registry; without one it takes everybody.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Password of the plain registry.
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// How long ECR logins live.
    #[arg(long, default_value_t = 43_200, value_name = "SECONDS")]
    token_lifetime: u32,
    /// Folder of the only programs that builds of CodeBuild have on PATH.
    #[arg(long, value_name = "DIR")]
    build_programs: Option<PathBuf>,
    /// Folder that those programs need, wherever it is; may be repeated.
    #[arg(long, value_name = "DIR")]
    build_visible: Vec<PathBuf>,
    /// Certificates that builds trust.
    #[arg(long, value_name = "FILE")]
    build_ca_bundle: Option<PathBuf>,
    /// Gives each build a network in which the names of AWS lead here; needs root, `--https` and the program `ip`.
    #[arg(long, requires_all = ["https", "build_programs"])]
    build_network: bool,
    /// Control group below which builds get theirs.
    #[arg(long, value_name = "NAME")]
    build_cgroup: Option<String>,
    /// Address of a name server that leads all names of AWS to the loopback address; may be repeated.
    #[arg(long)]
    dns: Vec<SocketAddr>,
    /// Another name that the name server knows, and whose port 443 builds with a network reach; may be repeated.
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = name_and_address)]
    name: Vec<(String, Ipv4Addr)>,
    /// Lets ECR take blobs over from other repositories.
    #[arg(long)]
    blob_mounting: bool,
}

fn name_and_address(text: &str) -> Result<(String, Ipv4Addr), String> {
    let (name, address) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not NAME=ADDRESS"))?;
    let address = address
        .parse()
        .map_err(|error| format!("`{address}` is no address: {error}"))?;
    Ok((name.to_lowercase(), address))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let addresses = Addresses {
        http: Some(arguments.http),
        https: arguments.https,
        tls_directory: arguments.tls_dir.unwrap_or_default(),
        regions: arguments.region,
        dns: arguments.dns,
        names: arguments.name.into_iter().collect(),
    };
    let settings = Settings {
        data: arguments.data,
        account: arguments.account,
        access_key: arguments.access_key,
        secret_key: arguments.secret_key,
        plain_login: arguments.user.zip(arguments.password),
        token_lifetime_seconds: arguments.token_lifetime,
        blob_mounting: arguments.blob_mounting,
        build_host: BuildHost {
            programs: arguments.build_programs,
            visible: arguments.build_visible,
            ca_bundle: arguments.build_ca_bundle,
            own_network: arguments.build_network,
            cgroup: arguments.build_cgroup,
        },
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::start(settings, addresses).await?;
    announce(&server);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "whoever starts the program waits for this line")]
fn announce(server: &Server) {
    let text = |address: Option<SocketAddr>| address.map_or_else(|| "-".to_owned(), |address| address.to_string());
    println!("listening http={} https={}", text(server.http), text(server.https));
}

#[expect(clippy::print_stderr, reason = "the program's only diagnostics")]
fn report(error: &dyn std::error::Error) {
    eprintln!("aws-emulator: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  caused by: {cause}");
        source = cause.source();
    }
}
