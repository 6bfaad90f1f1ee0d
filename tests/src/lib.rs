//! The case files, and how an outcome is compared with what a case expects.

pub mod case;
pub mod compare;
