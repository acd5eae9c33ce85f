//! What survives a restart: contents by digest, and the repositories that refer to them.
//!
//! `content` holds bytes and knows no repository; `repository` is one repository's record and its rules on tags;
//! `catalog` keeps all records, on disk after every change.

mod catalog;
mod content;
mod repository;

pub(crate) use catalog::{Catalog, CatalogError};
pub(crate) use content::ContentStore;
pub(crate) use repository::{Image, Mutability, Repository, RepositoryKey, is_repository_name, is_tag};
