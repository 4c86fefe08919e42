//! The file of `--config`: TOML, one key for each long option, and `url` for the channel.
//!
//! What it says takes the place of the options' defaults, so that the command line and the environment go before
//! it without anybody comparing them. A key serves every command that has the option. Whatever is wrong is told
//! with its line, before anything else happens.

use amt_shared::nearest::nearest;
use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Options that make no sense in a file.
const NOT_IN_A_FILE: [&str; 3] = ["config", "help", "version"];
/// Arguments without a name of their own on the command line that have one in a file.
const POSITIONAL: [&str; 1] = ["url"];

/// The command with the file's values as defaults.
///
/// # Errors
/// A sentence with the file, the line, the key and what is allowed.
pub(super) fn apply(command: Command, path: &Path) -> Result<Command, String> {
    let file = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{file} cannot be read: {error}. Name a TOML file with --config."))?;
    let values =
        read(&command, &text).map_err(|(at, sentence)| format!("{file}, line {}: {sentence}", line_of(&text, at)))?;
    Ok(with_defaults(command, &values))
}

/// The values that a key stands for, in the order of the file.
type Values = BTreeMap<String, Vec<&'static str>>;
/// Where in the text something is wrong, and what.
type Wrong = (usize, String);

fn read(command: &Command, text: &str) -> Result<Values, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let other = || format!("invalid TOML: {}.", error.message().replace('\n', "; "));
        (at, unquoted(text, at).unwrap_or_else(other))
    })?;
    let arguments = arguments(command);
    let mut values = Values::new();
    for (key, value) in table.into_inner() {
        let Range { start, .. } = key.span();
        let key = key.into_inner().into_owned();
        let found: Vec<&Arg> =
            arguments.iter().filter(|(name, _)| *name == key).map(|(_, argument)| *argument).collect();
        let Some(first) = found.first() else {
            return Err((start, unknown(&key, &arguments)));
        };
        let texts = texts(first, &value).map_err(|allowed| (start, format!("{key} takes {allowed}.")))?;
        for (argument, text) in found.iter().flat_map(|argument| texts.iter().map(move |text| (argument, text))) {
            check(argument, text).map_err(|allowed| (start, format!("“{text}” is not valid for {key}: {allowed}.")))?;
        }
        values.insert(key, texts.into_iter().map(|text| &*text.leak()).collect());
    }
    Ok(values)
}

/// What to write, where a text stands in this line without its quotation marks.
fn unquoted(text: &str, at: usize) -> Option<String> {
    let (key, value) = text.lines().nth(line_of(text, at) - 1)?.split_once('=')?;
    let value = value.split_once('#').map_or(value, |(value, _)| value).trim();
    let quoted = format!("{} = \"{value}\"", key.trim());
    let bare = !value.is_empty() && !value.contains(['"', '\'', '[', ']', '{', '}']);
    (bare && DeTable::parse(&quoted).is_ok()).then(|| format!("strings need quotation marks: write {quoted}."))
}

fn unknown(key: &str, arguments: &[(&str, &Arg)]) -> String {
    let mut known: Vec<&str> = arguments.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    known.dedup();
    match nearest(key, known.iter().copied()) {
        Some(meant) => format!("there is no option “{key}”. Did you mean “{meant}”?"),
        None => format!("there is no option “{key}”. The options are: {}.", known.join(", ")),
    }
}

/// All arguments that a file may name, those of subcommands included.
fn arguments(command: &Command) -> Vec<(&str, &Arg)> {
    let own = command.get_arguments().filter_map(|argument| name(argument).map(|name| (name, argument)));
    own.chain(command.get_subcommands().flat_map(arguments)).collect()
}

fn name(argument: &Arg) -> Option<&str> {
    let id = argument.get_id().as_str();
    let name = argument.get_long().or_else(|| POSITIONAL.contains(&id).then_some(id));
    name.filter(|name| !NOT_IN_A_FILE.contains(name))
}

/// The value as it would stand on the command line; else what the option takes.
fn texts(argument: &Arg, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, &'static str> {
    if is_switch(argument) {
        return value.get_ref().as_bool().map(|on| vec![on.to_string()]).ok_or("true or false");
    }
    let one = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    };
    match value.get_ref() {
        DeValue::Array(list) if is_list(argument) => {
            let texts: Option<Vec<String>> = list.iter().map(one).collect();
            let texts = texts.ok_or("a list of strings, like [\"one\", \"two\"]")?;
            Ok(if repeats(argument) { texts } else { vec![texts.join(",")] })
        }
        _ if is_list(argument) => {
            one(value).map(|text| vec![text]).ok_or("a string, or a list of strings like [\"one\"]")
        }
        _ => one(value).map(|text| vec![text]).ok_or("a string in quotation marks, or a number"),
    }
}

fn is_switch(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
}

fn repeats(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
}

/// Whether several values make sense: options that can be repeated, and those whose values stand between commas.
fn is_list(argument: &Arg) -> bool {
    let commas = argument.get_value_names().is_some_and(|names| names.iter().any(|name| name.contains(',')));
    repeats(argument) || commas
}

/// Whether the option takes this value; else what it does take, as the command line would say it.
fn check(argument: &Arg, text: &str) -> Result<(), String> {
    if is_switch(argument) {
        return Ok(());
    }
    let parser: ValueParser = argument.get_value_parser().clone();
    let alone = Arg::new("value").required(true).allow_hyphen_values(true).value_parser(parser);
    let Err(error) = Command::new("file").no_binary_name(true).arg(alone).try_get_matches_from(["--", text]) else {
        return Ok(());
    };
    if let Some(ContextValue::Strings(allowed)) = error.get(ContextKind::ValidValue)
        && !allowed.is_empty()
    {
        return Err(format!("expected one of {}", allowed.join(", ")));
    }
    let reason = error.source().map_or_else(|| "expected a value".to_owned(), ToString::to_string);
    Err(reason.trim_end_matches('.').to_owned())
}

fn with_defaults(command: Command, values: &Values) -> Command {
    let named = |argument: Arg| match name(&argument).and_then(|name| values.get(name)) {
        Some(values) => argument.required(false).default_values(values.clone()),
        None => argument,
    };
    let names: Vec<String> = command.get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
    let command = command.mut_args(named);
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |subcommand| with_defaults(subcommand, values)))
}

/// Counted from 1, as editors do.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
