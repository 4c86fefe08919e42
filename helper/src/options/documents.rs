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

/// The man page of the whole program in roff: that of the command, and behind it the options of each subcommand.
#[must_use]
pub fn man_page() -> Vec<u8> {
    let mut command = Options::command();
    command.build();
    let mut page = Vec::new();
    // Writing into memory does not fail.
    let _ = clap_mangen::Man::new(command.clone()).render(&mut page);
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        page.extend_from_slice(format!(".SH OPTIONS OF {}\n", subcommand.get_name().to_uppercase()).as_bytes());
        let about = clap_mangen::Man::new(own_options(subcommand.clone()));
        let _ = about.render_synopsis_section(&mut page);
        let _ = about.render_options_section(&mut page);
    }
    page
}

/// A subcommand without the options that every command takes, which stand with the command itself.
fn own_options(subcommand: clap::Command) -> clap::Command {
    subcommand.mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::Shell;

    #[test]
    fn every_shell_can_complete_every_option_and_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = String::from_utf8(Completions { shell }.script()).unwrap();
            for word in ["discovery", "tls-cert", "reinject-only-when-asked", "relay-only", "probe", "native"] {
                assert!(script.contains(word), "{shell} does not know {word}");
            }
        }
    }

    #[test]
    fn the_man_page_names_every_option_of_every_command() {
        let page = String::from_utf8(man_page()).unwrap().replace("\\-", "-");
        assert!(page.contains(".TH amt-helper 1"));
        let command = Options::command();
        for command in std::iter::once(&command).chain(command.get_subcommands()) {
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(page.contains(&format!("--{option}")), "{} --{option}", command.get_name());
            }
        }
        for text in ["AMT_RELAY", "Exit status", "OPTIONS OF PROBE"] {
            assert!(page.contains(text), "{text}");
        }
    }
}
