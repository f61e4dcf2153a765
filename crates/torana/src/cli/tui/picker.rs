//! A list to choose from, narrowed by typing.

/// Items of one list; a gateway with more sessions is narrowed by its own search first.
pub(crate) const ITEMS_MAX: usize = 500;
/// Characters of a filter; nobody types more into it.
const FILTER_CHARS_MAX: usize = 100;

/// What is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Topic {
    Agent,
    Session,
    Model,
    Thinking,
    Verbose,
    Reasoning,
    /// Whether a command may run on this machine.
    Shell(String),
    /// What to decide about an approval.
    Approval(String),
    /// What is shown.
    Settings,
    /// Tasks that agents suggest.
    Suggestions,
    /// What to do with one of them.
    Suggestion(String),
}

/// One thing to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) detail: String,
    /// Why it cannot be chosen now.
    pub(crate) blocked: Option<String>,
}

/// The list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picker {
    pub(crate) topic: Topic,
    pub(crate) title: String,
    pub(crate) filter: String,
    items: Vec<Item>,
    selected: usize,
    /// The gateway was asked and has not answered.
    pub(crate) loading: bool,
}

// === impl Picker ===

impl Picker {
    /// A list that is filled when the gateway answers.
    pub(crate) fn waiting(topic: Topic, title: &str) -> Self {
        Self {
            topic,
            title: title.to_owned(),
            filter: String::new(),
            items: Vec::new(),
            selected: 0,
            loading: true,
        }
    }

    /// A list that is known.
    pub(crate) fn of(topic: Topic, title: &str, items: Vec<Item>) -> Self {
        let mut picker = Self::waiting(topic, title);
        picker.fill(items, "");
        picker
    }

    /// Fills it; the current one is selected.
    pub(crate) fn fill(&mut self, mut items: Vec<Item>, current: &str) {
        items.truncate(ITEMS_MAX);
        self.selected = items
            .iter()
            .position(|item| item.id == current)
            .unwrap_or(0);
        self.items = items;
        self.loading = false;
    }

    /// What fits the filter: every word of it, anywhere.
    pub(crate) fn shown(&self) -> Vec<&Item> {
        let words: Vec<String> = self
            .filter
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        self.items
            .iter()
            .filter(|item| {
                let hay = format!("{} {} {}", item.id, item.label, item.detail).to_lowercase();
                words.iter().all(|word| hay.contains(word))
            })
            .collect()
    }

    pub(crate) fn position(&self) -> usize {
        self.selected.min(self.shown().len().saturating_sub(1))
    }

    pub(crate) fn selected(&self) -> Option<Item> {
        self.shown()
            .get(self.position())
            .map(|item| (*item).clone())
    }

    pub(crate) fn step(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.selected = self.position().saturating_add_signed(by).min(last);
    }

    pub(crate) fn type_in(&mut self, character: char) {
        if self.filter.chars().count() < FILTER_CHARS_MAX && !super::clean::is_harmful(character) {
            self.filter.push(character);
            self.selected = 0;
        }
    }

    pub(crate) fn backspace(&mut self) {
        self.filter.pop();
        self.selected = 0;
    }
}
