//! The list of accepted keys and the table of restricting keys agree with each other and with the tree.

use crate::config::accepted::{self, Listing};
use crate::config::{Knowledge, TreeSchema, guard};

fn names(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

#[test]
fn paths_are_found_at_below_and_above_what_is_listed() {
    let classify = |path: &str| accepted::classify(&names(path));
    assert_eq!(classify("cron"), Listing::Whole);
    assert_eq!(classify("cron.jobs.0.id"), Listing::Whole);
    assert_eq!(classify("gateway.controlUi"), Listing::Section);
    assert_eq!(classify("gateway.controlUi.root"), Listing::Whole);
    assert_eq!(classify("gateway.controlUi.root.x"), Listing::Absent);
    assert_eq!(
        classify("models.providers.any.models.3.input.0"),
        Listing::Whole
    );
    assert_eq!(classify("nonsense"), Listing::Absent);
    assert!(accepted::has_value(&names("bindings.7.type"), "acp"));
    assert!(!accepted::has_value(&names("bindings.7.type"), "route"));
}

#[test]
fn every_restricting_key_is_one_that_can_be_written() {
    let schema = TreeSchema::new(&[]);
    for pattern in guard::patterns().filter(|pattern| !pattern.contains("**")) {
        // A restricted key is either accepted, or known with values that are not built.
        let path = pattern.replace('*', "x").parse().expect("a path");
        assert_ne!(schema.knowledge(&path), Knowledge::Unknown, "{pattern}");
    }
}

#[test]
fn knowledge_tells_mistakes_from_what_is_not_built() {
    let schema = TreeSchema::new(&[]);
    let knowledge = |path: &str| schema.knowledge(&path.parse().expect("a path"));
    assert_eq!(knowledge("gateway.port"), Knowledge::Known);
    assert_eq!(
        knowledge("models.providers.x.models[0].cost.input"),
        Knowledge::Known
    );
    assert_eq!(knowledge("agents.defaults.model.primary"), Knowledge::Known);
    assert_eq!(knowledge("cron.enabled"), Knowledge::Unbuilt);
    assert_eq!(knowledge("gateway.prot"), Knowledge::Unknown);
}
