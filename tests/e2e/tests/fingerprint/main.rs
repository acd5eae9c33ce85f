//! What counts in the fingerprint, and what people read about it, through the real CLI.

mod base_images;
mod named_contexts;
mod precise;
mod reasons;
