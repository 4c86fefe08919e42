//! The man page and the shells' completions: made from the options, so that they cannot say anything else.

use super::{Completions, Options};
use clap::CommandFactory;

impl Completions {
    /// The script that the shell reads.
    #[must_use]
    pub fn script(&self) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Options::command(), "amt-helper", &mut script);
        script
    }
}

/// The man page of the whole program, its subcommands included, in roff.
#[must_use]
pub fn man_page() -> Vec<u8> {
    let mut page = Vec::new();
    // Writing into memory does not fail.
    let _ = clap_mangen::Man::new(Options::command()).render(&mut page);
    page
}
