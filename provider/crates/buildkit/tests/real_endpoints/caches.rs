//! Caches outside of a real builder: what is exported, and when. How an emptied builder imports them is tested where
//! builders may be emptied.

use fastcontainer_buildkit::{BuildError, CacheExport, CacheMode, CacheOptions, EndpointKind, RegistryCache};

use crate::lab::{Build, Site};

const TWO_STAGES: &str = "FROM scratch AS build\nCOPY busybox /bin/busybox\nCOPY src /src\n\
    RUN [\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox sort /src/a > /out\"]\n\
    FROM scratch\nCOPY --from=build /out /out\n";

fn to(site: &Site, tag: &str) -> RegistryCache {
    RegistryCache {
        reference: format!("{}:{tag}", site.repository()),
        insecure: true,
    }
}

fn exporting(site: &Site, tag: &str, mode: CacheMode) -> CacheOptions {
    CacheOptions {
        imports: vec![to(site, tag)],
        exports: vec![CacheExport::Registry {
            to: to(site, tag),
            mode,
        }],
    }
}

fn is_classic(site: &Site) -> bool {
    site.endpoint.kind == EndpointKind::DockerClassic
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_registry_cache_is_exported_when_a_step_ran_and_only_then() {
    let site = Site::enter("cache").await;
    site.write("src/a", &site.clock_text());
    let build = |mode| Build::of(TWO_STAGES).with_cache(exporting(&site, "buildcache", mode));
    if is_classic(&site) {
        let error = site.build(build(CacheMode::Max)).await.unwrap_err();
        assert!(matches!(error, BuildError::Unsupported { .. }), "{error}");
        return;
    }
    let first = site.build(build(CacheMode::Max)).await.unwrap();
    assert_eq!((first.cached_steps, first.cache_export), (0, Some(Ok(()))));
    let exported = site.manifest("buildcache").await;
    let manifest: serde_json::Value = serde_json::from_slice(&exported).unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.buildkit.cacheconfig.v0"
    );
    assert_eq!(
        manifest["layers"].as_array().unwrap().len(),
        4,
        "the layers of both stages: {manifest}"
    );
    let second = site.build(build(CacheMode::Min)).await.unwrap();
    assert_eq!((second.steps, second.cached_steps), (4, 4));
    assert_eq!((second.image, second.cache_export), (first.image, None));
    assert_eq!(site.manifest("buildcache").await, exported);
    site.write("src/a", &site.clock_text());
    let third = site.build(build(CacheMode::Min)).await.unwrap();
    assert_eq!(third.cache_export, Some(Ok(())));
    assert_ne!(site.manifest("buildcache").await, exported);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn nothing_is_exported_when_nothing_ran_and_all_of_it_when_the_cache_is_passed_over() {
    let site = Site::enter("cache-unchanged").await;
    if is_classic(&site) {
        return;
    }
    site.write("src/a", &site.clock_text());
    site.build(Build::of(TWO_STAGES)).await.unwrap();
    let cache = exporting(&site, "later", CacheMode::Min);
    let unchanged = site
        .build(Build::of(TWO_STAGES).with_cache(cache.clone()))
        .await
        .unwrap();
    assert_eq!((unchanged.cache_export, site.exists("later").await), (None, false));
    let anew = Build::of(TWO_STAGES).with_cache(cache).without_the_builders_cache();
    let anew = site.build(anew).await.unwrap();
    assert_eq!((anew.cached_steps, anew.cache_export), (0, Some(Ok(()))));
    assert!(site.exists("later").await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_failing_export_fails_no_build_and_says_why() {
    let site = Site::enter("cache-failing").await;
    if is_classic(&site) {
        return;
    }
    site.write("src/a", &site.clock_text());
    let nowhere = RegistryCache {
        reference: "localhost:1/lab/cache:x".into(),
        insecure: true,
    };
    let cache = CacheOptions {
        imports: vec![nowhere.clone()],
        exports: vec![CacheExport::Registry {
            to: nowhere,
            mode: CacheMode::Min,
        }],
    };
    let outcome = site.build(Build::of(TWO_STAGES).with_cache(cache)).await.unwrap();
    let said = outcome.cache_export.unwrap().unwrap_err();
    assert!(
        said.contains("localhost:1") && said.contains("connection refused"),
        "{said}"
    );
    site.manifest(&site.pushed(outcome.image).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn an_image_can_hold_its_own_cache() {
    let site = Site::enter("cache-inline").await;
    site.write("src/a", &site.clock_text());
    let one_stage =
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY src /src\nRUN [\"/bin/busybox\", \"touch\", \"/x\"]\n";
    let cache = CacheOptions {
        imports: Vec::new(),
        exports: vec![CacheExport::Inline],
    };
    let plain = site.pushed(site.build(Build::of(one_stage)).await.unwrap().image).await;
    let with_cache = site.build(Build::of(one_stage).with_cache(cache)).await.unwrap();
    assert_eq!(with_cache.cache_export, None, "it is not written apart");
    let with_cache = site.pushed(with_cache.image).await;
    assert!(site.config(&with_cache).await.contains("moby.buildkit.cache.v0"));
    assert!(!site.config(&plain).await.contains("moby.buildkit.cache.v0"));
}
