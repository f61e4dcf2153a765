//! The checker finds what it is for; a harness that never complains proves nothing.

use super::*;

const CHAT: i64 = 5_000;

/// One chat with two messages of three words each, and what people see in it.
fn findings(visible: &[&str], journals: &Journals) -> Findings {
    let written = [Written::new(0, 1, 3), Written::new(1, 1, 3)];
    let mut chats = Chats::default();
    let texts = visible.iter().map(|text| (*text).to_owned());
    chats.messages.insert(CHAT, (1..).zip(texts).collect());
    check(&written, &chats, &Questions::default(), journals)
}

fn outcome(visible: &[&str], journals: &Journals) -> (usize, usize, usize) {
    let found = findings(visible, journals);
    (found.duplicates, found.leftovers, found.violations.len())
}

#[test]
fn whole_answers_in_order_are_fine_in_any_number_of_parts() {
    let journals = Journals::default();
    assert_eq!(
        outcome(&["t0x0 t0x1 t0x2", "t1x0 t1x1 t1x2"], &journals),
        (0, 0, 0)
    );
    assert_eq!(
        outcome(&["t0x0 t0x1", "t0x2", "t1x0 t1x1 t1x2"], &journals),
        (0, 0, 0)
    );
}

#[test]
fn a_lost_a_cut_and_a_swapped_answer_are_found() {
    let journals = Journals::default();
    assert_eq!(outcome(&["t0x0 t0x1 t0x2"], &journals), (0, 0, 1));
    assert_ne!(outcome(&["t0x0 t0x1 t0x2", "t1x0 t1x1"], &journals).2, 0);
    assert_ne!(
        outcome(&["t1x0 t1x1 t1x2", "t0x0 t0x1 t0x2"], &journals).2,
        0
    );
    assert_ne!(
        outcome(&["t0x0 t0x1 t0x2", "error", "t1x0 t1x1 t1x2"], &journals).2,
        0
    );
}

#[test]
fn a_second_reply_must_be_marked() {
    let twice = ["t0x0 t0x1 t0x2", "t0x0 t0x1 t0x2", "t1x0 t1x1 t1x2"];
    assert_eq!(outcome(&twice, &Journals::default()), (1, 0, 1));
    let marked = Journals {
        resent: vec!["{\"text\":\"t0x0 t0x1 t0x2\"}".to_owned()],
        ..Journals::default()
    };
    assert_eq!(outcome(&twice, &marked), (1, 0, 0));
}

#[test]
fn a_beginning_may_only_be_left_by_a_run_that_died() {
    let left = ["t0x0 t0x1 t", "t0x0 t0x1 t0x2", "t1x0 t1x1 t1x2"];
    assert_eq!(outcome(&left, &Journals::default()), (0, 1, 1));
    let died = Journals {
        attempts: [(0, 2)].into(),
        ..Journals::default()
    };
    assert_eq!(outcome(&left, &died), (0, 1, 0));
    let whole_words = ["t0x0 t0x1", "t0x0 t0x1 t0x2", "t1x0 t1x1 t1x2"];
    assert_eq!(outcome(&whole_words, &died), (0, 1, 0));
}

#[test]
fn more_questions_than_attempts_and_open_rows_are_found() {
    let mut questions = Questions::default();
    questions.by_message.insert(0, 2);
    let journals = Journals {
        attempts: [(0, 1)].into(),
        open: vec!["inbox queued".to_owned()],
        ..Journals::default()
    };
    let found = check(&[], &Chats::default(), &questions, &journals);
    assert_eq!((found.reruns, found.violations.len()), (1, 2));
}
