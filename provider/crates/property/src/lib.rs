//! Pulumi property values: what inputs, outputs and state are made of.
//!
//! On the wire a property bag is a protobuf `Struct`, and everything that JSON has no word for is written with
//! signatures and sentinels inside it. This crate knows that encoding and hides it: [`wire`] turns a `Struct` into a
//! [`PropertyMap`] and back, and everything else works on [`PropertyValue`], where *unknown* and *secret* are variants.
//!
//! On top of the values there are
//!
//! * [`PropertyPath`], the notation for places inside a bag (`cache.imports[0]`), with Pulumi's rules for `ignoreChanges`;
//! * [`decode()`], typed access that finds every failure at once and keeps unknown apart from absent;
//! * [`diff()`], the structural difference of two bags.
//!
//! Nothing here does I/O or knows a resource, and nothing prints the inside of a secret.

mod decode;
mod diff;
mod field;
mod nearest;
mod path;
mod value;
pub mod wire;

pub use decode::{Cursor, Decoded, Decoder, Failure, Form, decode};
pub use diff::{Difference, DifferenceKind, diff};
pub use field::Field;
pub use nearest::nearest;
pub use path::{ParsePathError, PropertyPath, Segment};
pub use value::{OpaqueKind, PropertyMap, PropertyValue};
