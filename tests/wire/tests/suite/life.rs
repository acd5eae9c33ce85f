//! The process: how it starts, what it prints, when it ends.

use std::{process::Stdio, time::Duration};

use fastcontainer_proto::pulumirpc::{PluginAttach, ProviderHandshakeRequest};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::Command,
    time::{Instant, sleep, timeout},
};
use tonic::Code;
use wire::{Engine, Image, Options, Provider, provider_binary};

use crate::sources::{context, inputs, with, write};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_port_line_comes_after_the_listener_and_nothing_follows_it() {
    // Provider::start connects once, without a retry, as soon as the line is there.
    let provider = Provider::start().await.unwrap();
    let context = context();
    Image::named("api")
        .check(&provider, &inputs(context.path()))
        .await
        .unwrap();
    provider.client().get_plugin_info(()).await.unwrap();
    assert_eq!((provider.stdout(), provider.stderr()), (String::new(), String::new()));
}

#[tokio::test]
async fn flags_of_any_engine_are_taken() {
    let arguments = [
        "--logtostderr",
        "-v=9",
        "--tracing",
        "http://127.0.0.1:1",
        "--of-the-future",
    ];
    let arguments = arguments.map(str::to_owned).to_vec();
    let provider = Provider::start_with(Options {
        arguments,
        ..Options::default()
    })
    .await
    .unwrap();
    provider.client().get_plugin_info(()).await.unwrap();
}

#[tokio::test]
async fn without_an_address_it_waits_to_be_attached() {
    let provider = Provider::start_with(Options {
        detached: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let (image, context) = (Image::named("api"), context());
    // Two names that differ only in case are worth a warning, which needs an engine to go to.
    write(context.path(), "src/DATA.txt", "other\n");
    image.check(&provider, &inputs(context.path())).await.unwrap();
    assert_eq!(provider.engine.lasting(&image.urn()).len(), 0);
    let engine_address = provider.engine.address().to_owned();
    provider
        .client()
        .handshake(ProviderHandshakeRequest::default())
        .await
        .unwrap();
    provider
        .client()
        .attach(PluginAttach {
            address: engine_address,
        })
        .await
        .unwrap();
    image.check(&provider, &inputs(context.path())).await.unwrap();
    let lasting = provider.engine.lasting(&image.urn());
    assert!(lasting.iter().any(|text| text.contains("DATA.txt")), "{lasting:?}");
}

#[tokio::test]
async fn it_ends_when_its_input_is_closed() {
    let mut provider = Provider::start_with(Options {
        piped_input: true,
        ..Options::default()
    })
    .await
    .unwrap();
    assert_eq!(provider.exited(Duration::from_millis(300)).await, None);
    provider.close_input();
    assert!(provider.exited(PATIENCE).await.expect("still running").success());
}

#[tokio::test]
async fn it_ends_on_sigterm() {
    let mut provider = Provider::start().await.unwrap();
    kill_process(process(provider.id().unwrap()), Signal::TERM).unwrap();
    assert!(provider.exited(PATIENCE).await.is_some(), "still running");
}

#[tokio::test]
async fn it_ends_when_its_engine_is_killed() {
    let engine = Engine::start().await.unwrap();
    let script = "\"$0\" \"$1\" & echo $!; wait";
    let mut parent = Command::new("sh")
        .args(["-c", script])
        .arg(provider_binary().unwrap())
        .arg(engine.address())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let mut numbers = Vec::new();
    while numbers.len() < 2 {
        numbers.push(timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap());
    }
    // The process id and the port arrive in either order.
    let id = numbers
        .iter()
        .find_map(|number| Orphan::running(number))
        .expect("the provider does not run");
    kill_process(process(parent.id().unwrap()), Signal::KILL).unwrap();
    let begin = Instant::now();
    while id.runs() {
        assert!(begin.elapsed() < PATIENCE, "still running after its engine");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A process that is nobody's child any more; it never outlives the test.
struct Orphan(u32);

impl Orphan {
    fn running(number: &str) -> Option<Self> {
        let orphan = Self(number.parse().ok()?);
        orphan.runs().then_some(orphan)
    }

    fn runs(&self) -> bool {
        std::fs::read_link(format!("/proc/{}/exe", self.0)).is_ok_and(|binary| binary == provider_binary().unwrap())
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        if self.runs() {
            kill_process(process(self.0), Signal::KILL).ok();
        }
    }
}

#[tokio::test]
async fn cancel_returns_at_once_and_ends_what_is_in_flight() {
    let provider = Provider::start().await.unwrap();
    // A registry that takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let repository = format!("{}/app", silent.local_addr().unwrap());
    let (image, context) = (Image::named("api"), context());
    let checked = image
        .check(&provider, &with(&inputs(context.path()), "repository", repository))
        .await
        .unwrap();
    let mut client = provider.client();
    let request = image.creation(&checked.inputs, false);
    let creating = tokio::spawn(async move { client.create(request).await });
    let (_connection, _) = timeout(PATIENCE, silent.accept())
        .await
        .expect("the registry was never asked")
        .unwrap();
    let begin = Instant::now();
    provider.client().cancel(()).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(3), "Cancel waits");
    let status = timeout(PATIENCE, creating)
        .await
        .expect("Create goes on")
        .unwrap()
        .unwrap_err();
    assert_eq!(status.code(), Code::Cancelled, "{status}");
    assert!(
        begin.elapsed() < Duration::from_secs(6),
        "the end took {:?}",
        begin.elapsed()
    );
}

fn process(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}
