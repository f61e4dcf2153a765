//! The checker: what was written against what people saw, what the model was asked, and what the journals say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::traffic::{self, Written};
use super::witness::{Chats, Questions};

/// The journals at the end, as far as the checker needs them.
#[derive(Debug, Default)]
pub(super) struct Journals {
    /// Attempts of the turn of each message, by message number.
    attempts: BTreeMap<usize, u32>,
    /// Messages that are in a transcript more than once.
    asked_twice: Vec<usize>,
    /// What was sent again because nobody could know whether it had arrived: the operations as stored.
    resent: Vec<String>,
    /// Rows that are neither done nor accepted, with their state.
    pub(super) open: Vec<String>,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Second visible replies; each is marked in the outbox.
    pub(super) duplicates: usize,
    /// Beginnings of an answer that nobody could edit any more, each from an interrupted turn.
    pub(super) leftovers: usize,
    /// Model requests beyond the first of a message.
    pub(super) reruns: u32,
    /// Broken promises, in words.
    pub(super) violations: Vec<String>,
}

// === impl Journals ===

impl Journals {
    /// Reads the store without touching it.
    pub(super) fn read(database: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags)?;
        let mut journals = Self::default();
        let mut statement = connection.prepare(
            "SELECT transcript.entry_json, inbox.attempt FROM transcript
             JOIN inbox ON inbox.id = transcript.inbox WHERE transcript.role = 'user'",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let entry: String = row.get(0)?;
            let mut words = entry.split(|character: char| !character.is_ascii_alphanumeric());
            if let Some(number) = words.find_map(traffic::number_of)
                && journals.attempts.insert(number, row.get(1)?).is_some()
            {
                journals.asked_twice.push(number);
            }
        }
        let texts = |sql: &str| -> rusqlite::Result<Vec<String>> {
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        };
        journals.resent = texts("SELECT operation_json FROM outbox WHERE resent > 0")?;
        journals.open = texts(
            "SELECT 'inbox ' || state || ' ' || coalesce(reason, '') || ' attempt ' || attempt FROM inbox
               WHERE state <> 'done'
             UNION ALL
             SELECT 'outbox ' || state || ' ' || coalesce(reason, '') || ' attempt ' || attempt FROM outbox
               WHERE state <> 'accepted'",
        )?;
        Ok(journals)
    }
}

/// Compares everything.
pub(super) fn check(
    written: &[Written],
    chats: &Chats,
    questions: &Questions,
    journals: &Journals,
) -> Findings {
    let mut findings = Findings::default();
    let mut by_chat: BTreeMap<i64, Vec<Written>> = BTreeMap::new();
    for message in written {
        by_chat.entry(message.chat).or_default().push(*message);
    }
    let nothing = BTreeMap::new();
    for (chat, messages) in &by_chat {
        let visible = chats.messages.get(chat).unwrap_or(&nothing);
        check_chat(*chat, messages, visible, journals, &mut findings);
    }
    for chat in chats
        .messages
        .keys()
        .filter(|chat| !by_chat.contains_key(chat))
    {
        findings.broken(format!("chat {chat}: a reply where nobody wrote"));
    }
    for (number, asked) in &questions.by_message {
        let attempts = journals.attempts.get(number).copied().unwrap_or(0);
        findings.reruns += asked - 1;
        if *asked > attempts.max(1) {
            findings.broken(format!(
                "message {number}: the model was asked {asked} times for {attempts} attempts of one turn"
            ));
        }
    }
    for number in &journals.asked_twice {
        findings.broken(format!("message {number}: it is in a transcript twice"));
    }
    for row in &journals.open {
        findings.broken(format!("still open: {row}"));
    }
    findings
}

/// Walks over one chat as people see it. Every word of every answer must come, once and in order.
fn check_chat(
    chat: i64,
    messages: &[Written],
    visible: &BTreeMap<i64, String>,
    journals: &Journals,
    findings: &mut Findings,
) {
    let expected: Vec<String> = messages
        .iter()
        .flat_map(|message| message.words())
        .collect();
    let (mut at, mut answer_at) = (0, 0);
    let mut unfinished = 0;
    let mut before: Vec<&str> = Vec::new();
    for text in visible.values() {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words == before {
            findings.duplicate(chat, text, journals);
            continue;
        }
        if !follows(&expected, at, &words) && follows(&expected, answer_at, &words) {
            // What came before was only the beginning of this answer, left behind by a run that died.
            findings.left_behind(chat, unfinished, &expected[answer_at], journals);
            (at, unfinished) = (answer_at, 0);
        }
        if follows(&expected, at, &words) {
            if expected[at].ends_with("x0") {
                (answer_at, unfinished) = (at, 0);
            }
            at += words.len();
            unfinished += 1;
        } else if is_beginning(&expected, at, &words) {
            findings.left_behind(chat, 1, &expected[at], journals);
        } else {
            findings.broken(format!(
                "chat {chat}: expected {:?}, people see {text:?}",
                expected.get(at)
            ));
        }
        before = words;
    }
    let lost: BTreeSet<usize> = expected[at..]
        .iter()
        .filter_map(|word| traffic::number_of(word))
        .collect();
    if !lost.is_empty() {
        findings.broken(format!(
            "chat {chat}: no complete answer to the messages {lost:?}"
        ));
    }
}

fn follows(expected: &[String], at: usize, words: &[&str]) -> bool {
    let Some(there) = expected.get(at..at + words.len()) else {
        return false;
    };
    !words.is_empty() && there.iter().zip(words).all(|(there, word)| there == word)
}

/// Whether this is the beginning of the answer at `at`, its last word perhaps cut.
fn is_beginning(expected: &[String], at: usize, words: &[&str]) -> bool {
    let Some((last, whole)) = words.split_last() else {
        return false;
    };
    let cut = |word: &String| word.starts_with(last.trim_end_matches(['.', '…']));
    let is_start = whole.is_empty() || follows(expected, at, whole);
    is_start && expected.get(at + whole.len()).is_some_and(cut)
}

// === impl Findings ===

impl Findings {
    pub(super) fn broken(&mut self, what: String) {
        self.violations.push(what);
    }

    fn duplicate(&mut self, chat: i64, text: &str, journals: &Journals) {
        self.duplicates += 1;
        let first = text.split_whitespace().next().unwrap_or_default();
        let is_marked = journals.resent.iter().any(|operation| {
            operation
                .split(|character: char| !character.is_ascii_alphanumeric())
                .any(|word| word == first)
        });
        if !is_marked {
            self.broken(format!(
                "chat {chat}: {first} came twice, and no intent says so"
            ));
        }
    }

    fn left_behind(&mut self, chat: i64, count: usize, first: &str, journals: &Journals) {
        self.leftovers += count;
        let number = traffic::number_of(first);
        let attempts = number.and_then(|number| journals.attempts.get(&number));
        if count > 0 && attempts.is_none_or(|attempts| *attempts < 2) {
            self.broken(format!(
                "chat {chat}: the beginning of an answer ({first}) was left behind by a run nobody killed"
            ));
        }
    }
}

#[cfg(test)]
mod tests;
