//! `amt-helper probe`: one look at a channel, for the person on call.
//!
//! [`stream`] looks into the transport stream, [`steps`] collects the way to it; [`report`] judges, and is what
//! scripts read as JSON; `words` puts it in front of a person. The helper's rule stays: what is looked into is never
//! changed, and the channel's own path needs none of this.

pub mod report;
pub mod steps;
pub mod stream;
mod words;
