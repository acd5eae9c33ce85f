//! Pinned images: what is built is what was resolved, whatever became of the tag.
//!
//! Responsible for moving a tag between the resolution and the build, for each way in which a Dockerfile names an image.

use std::collections::BTreeMap;

use fastcontainer_buildkit::{EndpointKind, NamedContextSource, canonical_reference};

use crate::lab::{Build, Site};

/// Pushes an image with one layer that holds the text, and points the tag at it.
async fn publish(site: &Site, tag: &str, text: &str) -> String {
    site.write("published/text", text);
    let built = site
        .build(Build::of("FROM scratch\nCOPY busybox /bin/\nCOPY published /\n"))
        .await;
    let digest = site.pushed(built.unwrap().image).await;
    site.tag(tag, &digest).await;
    digest
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_tag_that_moves_is_not_followed() {
    let site = Site::enter("pins").await;
    let stamp = site.clock_text();
    let (old, new) = (format!("old {stamp}"), format!("new {stamp}"));
    let first = publish(&site, "moving", &old).await;
    let second = publish(&site, "moving", &new).await;
    assert_ne!(first, second);
    let tag = format!("{}:moving", site.repository());
    let cat = "[\"/bin/busybox\", \"cat\", \"/text\"]";
    let dockerfiles = [
        format!("FROM {tag}\nRUN {cat}\n"),
        format!("FROM scratch\nCOPY busybox /bin/\nCOPY --from={tag} /text /text\nRUN {cat}\n"),
        format!("FROM scratch\nCOPY busybox /bin/\nRUN --mount=from={tag},source=/text,target=/text {cat}\n"),
        format!(
            "ARG TAG=moving\nFROM --platform=$TARGETPLATFORM {}:${{TAG}} AS one\nFROM one\nRUN {cat}\n",
            site.repository()
        ),
    ];
    for (i, dockerfile) in dockerfiles.iter().enumerate() {
        let again = |n: u32| dockerfile.replace("RUN", &format!("ENV use={i}.{n}\nRUN"));
        let mut pinned = Build::of(&again(1)).pinned(&tag, &first);
        let outcome = site.build_watched(&mut pinned).await.unwrap();
        let used = outcome.base_images.get(&canonical_reference(&tag).unwrap());
        match site.endpoint.pins_images() {
            true => assert_eq!((used, pinned.logged(&old)), (Some(&first), true), "{dockerfile}"),
            false => assert!(used != Some(&first) && pinned.logged(&new), "{dockerfile} {used:?}"),
        }
        let mut followed = Build::of(&again(2));
        site.build_watched(&mut followed).await.unwrap();
        assert!(followed.logged(&new), "{dockerfile}: {:?}", followed.events);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_pin_changes_neither_names_of_steps_nor_the_image() {
    let site = Site::enter("pin-names").await;
    let digest = publish(&site, "still", &site.clock_text()).await;
    let tag = format!("{}:still", site.repository());
    let dockerfile = format!("FROM {tag}\nCOPY published /again\n");
    let mut plain = Build::of(&dockerfile);
    let unpinned = site.build_watched(&mut plain).await.unwrap();
    let mut pinned = Build::of(&dockerfile).pinned(&tag, &digest);
    let outcome = site.build_watched(&mut pinned).await.unwrap();
    assert_eq!(outcome.image, unpinned.image);
    let used = BTreeMap::from([(tag, digest)]);
    for said in [outcome.base_images, unpinned.base_images] {
        // An engine that cannot pin does not always say which image it used.
        let silent = said.is_empty() && !site.endpoint.pins_images();
        assert!(silent || said == used, "{said:?}");
    }
    assert_eq!((outcome.steps, unpinned.steps), (2, 2));
    assert_eq!(pinned.step_names(), plain.step_names());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn the_image_of_a_named_context_is_pinned_too() {
    let site = Site::enter("pin-named").await;
    if site.endpoint.kind == EndpointKind::DockerClassic {
        return;
    }
    let stamp = site.clock_text();
    let first = publish(&site, "moving", &format!("old {stamp}")).await;
    publish(&site, "moving", &format!("new {stamp}")).await;
    let tag = format!("{}:moving", site.repository());
    let mut build = Build::of("FROM base\nRUN [\"/bin/busybox\", \"cat\", \"/text\"]\n")
        .with_context("base", NamedContextSource::Image(format!("docker-image://{tag}")))
        .pinned(&tag, &first);
    let outcome = site.build_watched(&mut build).await.unwrap();
    assert!(build.logged(&format!("old {stamp}")), "{:?}", build.events);
    assert_eq!(outcome.base_images[&tag], first);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn the_platform_is_chosen_from_a_pinned_index() {
    let site = Site::enter("pin-index").await;
    if !site.endpoint.pins_images() {
        return;
    }
    let stamp = site.clock_text();
    let own = site.endpoint.platforms[0].clone();
    let foreign = if own == "linux/s390x" {
        "linux/ppc64le"
    } else {
        "linux/s390x"
    };
    let (text, other) = (format!("own {stamp}"), format!("foreign {stamp}"));
    let (mine, theirs) = (
        publish(&site, "mine", &text).await,
        publish(&site, "theirs", &other).await,
    );
    let index = site
        .tag_index("many", &[(foreign, &theirs), (own.as_str(), &mine)])
        .await;
    site.tag_index("many", &[(own.as_str(), &theirs)]).await;
    let tag = format!("{}:many", site.repository());
    let dockerfile = format!("FROM {tag}\nRUN [\"/bin/busybox\", \"cat\", \"/text\"]\n");
    let mut build = Build::of(&dockerfile).pinned(&tag, &index);
    let outcome = site.build_watched(&mut build).await.unwrap();
    assert!(build.logged(&text), "{:?}", build.events);
    assert_eq!(outcome.base_images[&tag], index);
}
