//! `arch::sizes`: no file and no function grows past what a reader can hold.

use crate::finding::{Finding, finding};
use crate::source::Tree;

/// "Aim at 300, think at 600, argue at 800": above it the argument goes into the exception list.
const FILE_LINES_MAX: usize = 800;

/// "Aim at 40, think at 70, argue at 100"; comments and blank lines are free, as in clippy's `too_many_lines`.
const FUNCTION_LINES_MAX: usize = 100;

pub(in crate::rule) fn sizes(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let lines = file.production_lines();
        if lines > FILE_LINES_MAX {
            found.push(Finding {
                measure: lines,
                ..finding(
                    rule,
                    &file.path,
                    FILE_LINES_MAX,
                    format!("{lines} lines of production code, more than {FILE_LINES_MAX}"),
                    "split the file by what its parts decide",
                )
            });
        }
        for function in file.functions() {
            if function.code_lines > FUNCTION_LINES_MAX && !file.is_test_line(function.line) {
                found.push(Finding {
                    measure: function.code_lines,
                    ..finding(
                        rule,
                        &file.path,
                        function.line,
                        format!(
                            "`{}` has {} lines, more than {FUNCTION_LINES_MAX}",
                            function.name, function.code_lines
                        ),
                        "let one function decide and leaves compute",
                    )
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<Finding> {
        sizes(
            "arch::sizes",
            &Tree::from_files([("crates/a/src/lib.rs", text)]),
        )
    }

    #[test]
    fn a_long_file_is_found_but_its_tests_do_not_count() {
        let production = "const A: u8 = 1;\n".repeat(FILE_LINES_MAX);
        assert!(check(&production).is_empty());
        assert_eq!(check(&format!("{production}const B: u8 = 1;\n")).len(), 1);
        let tests = format!(
            "{production}#[cfg(test)]\nmod tests {{\n{}}}\n",
            "const C: u8 = 1;\n".repeat(50)
        );
        assert!(check(&tests).is_empty());
    }

    #[test]
    fn a_long_function_is_found_by_its_code_lines() {
        let body = "    call();\n".repeat(FUNCTION_LINES_MAX);
        assert!(check(&format!("fn fits() {{\n    // free\n\n{body}}}\n")).is_empty());
        let found = check(&format!("fn long() {{\n{body}    call();\n}}\n"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].measure, FUNCTION_LINES_MAX + 1);
    }
}
