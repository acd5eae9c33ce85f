//! All repositories of all registries, written to one JSON file after every change.
//!
//! Changes are short and happen under one lock, so that no request sees half of another. It decides nothing about
//! who may change what.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::repository::{Repository, RepositoryKey};

type Repositories = BTreeMap<RepositoryKey, Repository>;

/// The records of all repositories.
pub(crate) struct Catalog {
    file: PathBuf,
    repositories: Mutex<Repositories>,
}

/// A question or change that the catalog could not carry out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogError {
    /// No such repository.
    #[error("repository `{0}` does not exist")]
    Unknown(RepositoryKey),
    /// The change is in memory but not on disk.
    #[error("catalog is not on disk")]
    NotSaved(#[source] io::Error),
}

impl Catalog {
    /// Loads the catalog of `directory`, or starts an empty one.
    ///
    /// # Errors
    ///
    /// Fails if the file exists and is not a catalog.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let file = directory.join("catalog.json");
        let repositories = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Repositories::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            file,
            repositories: Mutex::new(repositories),
        })
    }

    /// Looks at one repository.
    pub(crate) fn look<T>(&self, key: &RepositoryKey, at: impl FnOnce(&Repository) -> T) -> Result<T, CatalogError> {
        self.lock()
            .get(key)
            .map(at)
            .ok_or_else(|| CatalogError::Unknown(key.clone()))
    }

    /// Looks at all repositories.
    pub(crate) fn survey<T>(&self, at: impl FnOnce(&Repositories) -> T) -> T {
        at(&self.lock())
    }

    /// Changes one repository; nothing is saved if `change` refuses.
    pub(crate) fn change<T, E: From<CatalogError>>(
        &self,
        key: &RepositoryKey,
        change: impl FnOnce(&mut Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        self.reshape(|repositories| match repositories.get_mut(key) {
            Some(repository) => change(repository),
            None => Err(CatalogError::Unknown(key.clone()).into()),
        })
    }

    /// Adds, removes or changes repositories; nothing is saved if `change` refuses.
    pub(crate) fn reshape<T, E: From<CatalogError>>(
        &self,
        change: impl FnOnce(&mut Repositories) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut repositories = self.lock();
        let answer = change(&mut repositories)?;
        self.save(&repositories).map_err(CatalogError::NotSaved)?;
        Ok(answer)
    }

    /// Creates the repository unless it exists.
    pub(crate) fn ensure(&self, key: &RepositoryKey) -> Result<(), CatalogError> {
        if self.look(key, |_| ()).is_ok() {
            return Ok(());
        }
        self.reshape(|repositories| {
            repositories.entry(key.clone()).or_insert_with(Repository::new);
            Ok(())
        })
    }

    fn save(&self, repositories: &Repositories) -> io::Result<()> {
        let fresh = self.file.with_extension("json.new");
        std::fs::write(&fresh, serde_json::to_vec(repositories)?)?;
        std::fs::rename(fresh, &self.file)
    }

    fn lock(&self) -> MutexGuard<'_, Repositories> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
