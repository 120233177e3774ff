//! The core, held to what its documents say. One program: linking a dozen would take longer than running them.
#![allow(missing_docs, unreachable_pub, clippy::len_zero, clippy::unwrap_used)]

mod admission;
mod both_sides;
mod canonical;
mod decoding;
mod golden;
mod hostile;
mod json;
mod limits;
mod repairs;
mod samples;
mod schedules;
mod transactions;
mod values;
mod what_others_get_wrong;
