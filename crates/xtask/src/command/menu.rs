//! Finds the command that was asked for, and explains the choice when there is none.

use anyhow::{Result, bail};

use super::{bench, ci, conform, dist, fuzz, generate, layout, sim, test, tidy};

const USAGE: &str = "\
usage: cargo xtask <command>

  test                             what a newcomer runs: all tests that need only Rust
  ci [--list] [step …]             exactly what CI runs, or the named steps of it
  tidy [--list] [rule …]           the rules of the tree: boundaries, habits, dependencies
  gen [--check]                    write the reference pages and schemas, or check that they are current
  sim [--seed N] [--seeds N]       the simulated world: one seed, or many
  fuzz [target] [--rounds N]       drive the parsers of outside bytes with their corpus and random input
  bench [name] [--smoke]           measure against the checked-in budgets
  layout                           record which functions an idle gateway runs, for the linker (needs valgrind)
  conform [suite …] [--latest]     original clients and peers against a release build, or --binaries FOLDER
  dist                             the binary to ship, with its checksum
";

/// Runs the command named by the arguments.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{USAGE}");
        return Ok(());
    };
    match command.as_str() {
        "test" => test::run(rest),
        "ci" => ci::run(rest),
        "tidy" => tidy::run(rest),
        "gen" => generate::run(rest),
        "sim" => sim::run(rest),
        "fuzz" => fuzz::run(rest),
        "bench" => bench::run(rest),
        "conform" => conform::run(rest),
        "layout" => layout::run(rest),
        "dist" => dist::run(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("`{other}` is no command\n\n{USAGE}"),
    }
}

/// Positional words, and options with their values; a flag has an empty value.
pub(super) type Parsed<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>);

/// Splits `--name value` options and flags from positional words; anything unknown is an error.
pub(super) fn options<'a>(
    arguments: &'a [String],
    valued: &[&str],
    flags: &[&str],
) -> Result<Parsed<'a>> {
    let mut words = Vec::new();
    let mut found = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if valued.contains(&argument.as_str()) {
            let Some(value) = rest.next() else {
                bail!("`{argument}` needs a value")
            };
            found.push((argument.as_str(), value.as_str()));
        } else if flags.contains(&argument.as_str()) {
            found.push((argument.as_str(), ""));
        } else if argument.starts_with('-') {
            bail!("`{argument}` is no option here; hint: `cargo xtask help`");
        } else {
            words.push(argument.as_str());
        }
    }
    Ok((words, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_flags_and_words_are_told_apart() {
        let arguments: Vec<String> = ["--seed", "7", "lane", "--check"]
            .map(str::to_owned)
            .to_vec();
        let (words, found) = options(&arguments, &["--seed"], &["--check"]).expect("valid");
        assert_eq!(words, ["lane"]);
        assert_eq!(found, [("--seed", "7"), ("--check", "")]);
        assert!(options(&arguments, &["--seed"], &[]).is_err());
        assert!(options(&arguments[..1], &["--seed"], &[]).is_err());
    }
}
