//! The files of a build on their way: one archive in the bucket, and the plan beside it, both named by their bytes.
//!
//! The archive is made in a file without a name, because its digest has to be known before it is sent, and a request that
//! is repeated has to send the same bytes. Equal files make equal archives on every machine, so one that is there
//! already, with that digest and size, is not sent again. The build checks the bytes once more.
//!
//! No two archives share a name: builds for several platforms have one fingerprint and may read other files, and a build
//! that has begun must find the bytes that it was told of.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom};
use std::path::PathBuf;

use fastcontainer_aws::{S3Bucket, Upload};
use fastcontainer_build_context::{ArchiveContents, ArchiveFacts, ArchiveView, archive};
use fastcontainer_buildkit::{ContextView, NamedContextSource};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::error::CodeBuildError;
use super::remote_plan::RemotePlan;
use crate::backend::build_log::BuildLog;
use crate::backend::settings::CodeBuildBuilder;
use crate::planning::plan::BuildPlan;
use crate::sharing::KeyedLocks;

/// What keys begin with, unless the program says something else.
const PREFIX: &str = "fastcontainer";

/// The bucket and this process's way into it.
pub(super) struct Files {
    bucket: S3Bucket,
    name: String,
    prefix: String,
    spool: PathBuf,
    uploads: KeyedLocks,
}

/// An archive in the bucket.
pub(super) struct Archive {
    /// `bucket/key`.
    pub location: String,
    /// Its digest, in hexadecimal digits.
    pub sha256: String,
    /// Bytes that were sent; none when it was there.
    pub bytes_sent: u64,
}

/// A plan in the bucket.
pub(super) struct PlanObject {
    /// `bucket/key`.
    pub location: String,
    /// Its digest, in hexadecimal digits.
    pub sha256: String,
}

impl Files {
    /// Files in the program's bucket; archives are made in `spool`.
    #[must_use]
    pub(super) fn new(bucket: S3Bucket, settings: &CodeBuildBuilder, spool: PathBuf) -> Self {
        Self {
            bucket,
            name: settings.source_bucket.clone(),
            prefix: settings.source_prefix.clone().unwrap_or_else(|| PREFIX.to_owned()),
            spool,
            uploads: KeyedLocks::default(),
        }
    }

    /// Puts the files of `plan` into the bucket, unless they are there.
    ///
    /// # Errors
    /// When a file is not what was fingerprinted, or S3 does not take them.
    pub(super) async fn put_archive(
        &self,
        plan: &BuildPlan,
        log: &BuildLog,
        cancel: &CancellationToken,
    ) -> Result<Archive, CodeBuildError> {
        log.waiting("packing the files");
        let (file, facts) = self.pack(plan, cancel).await?;
        let key = format!("{}/{}.tar.gz", self.prefix, hex::encode(facts.sha256));
        // Builds for several platforms, or of several resources, may have one archive.
        let _alone = self
            .uploads
            .lock(&key, cancel)
            .await
            .map_err(|_| CodeBuildError::Cancelled)?;
        let present = super::until(cancel, self.bucket.find(&key)).await?;
        let is_there = present.is_some_and(|one| one.size == facts.size_bytes && one.sha256 == Some(facts.sha256));
        if !is_there {
            log.waiting("sending the files");
            let upload = Upload {
                key: key.clone(),
                file,
                sha256: facts.sha256,
                size: facts.size_bytes,
                metadata: Default::default(),
            };
            self.bucket.upload(upload, cancel).await?;
        }
        Ok(Archive {
            location: format!("{}/{key}", self.name),
            sha256: hex::encode(facts.sha256),
            bytes_sent: if is_there { 0 } else { facts.size_bytes },
        })
    }

    /// Puts a plan into the bucket, under its digest.
    ///
    /// # Errors
    /// When S3 does not take it.
    pub(super) async fn put_plan(
        &self,
        plan: &RemotePlan,
        cancel: &CancellationToken,
    ) -> Result<PlanObject, CodeBuildError> {
        let bytes = plan.to_json();
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let key = format!("{}/{sha256}.json", self.prefix);
        super::until(cancel, self.bucket.put_small(&key, bytes)).await?;
        Ok(PlanObject {
            location: format!("{}/{key}", self.name),
            sha256,
        })
    }

    async fn pack(&self, plan: &BuildPlan, cancel: &CancellationToken) -> Result<(File, ArchiveFacts), CodeBuildError> {
        let (spool, plan, cancel) = (self.spool.clone(), plan.clone(), cancel.clone());
        let packing = tokio::task::spawn_blocking(move || {
            let problem = |source| CodeBuildError::Spool {
                directory: spool.clone(),
                source,
            };
            fs::create_dir_all(&spool).map_err(problem)?;
            let mut file = tempfile::tempfile_in(&spool).map_err(problem)?;
            let facts = archive(&contents(&plan), &mut file, &cancel)?;
            file.seek(SeekFrom::Start(0)).map_err(problem)?;
            Ok((file, facts))
        });
        packing.await.map_err(|_| CodeBuildError::Cancelled)?
    }
}

fn contents(plan: &BuildPlan) -> ArchiveContents<'_> {
    let directories = plan.named_contexts.values().filter_map(|source| match source {
        NamedContextSource::Directory(directory) => Some(directory),
        NamedContextSource::Image(_) => None,
    });
    ArchiveContents {
        dockerfile: &plan.dockerfile,
        context: whole(&plan.context),
        named: directories.map(whole).collect(),
    }
}

fn whole(view: &ContextView) -> ArchiveView<'_> {
    ArchiveView {
        snapshot: &view.snapshot,
        selection: None,
    }
}
