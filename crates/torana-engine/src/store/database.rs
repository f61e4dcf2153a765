//! Opening the database, handing writes to the writer and reads to the readers.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::{mpsc, oneshot};
use torana_core::id::{InboxId, IntentId};
use torana_core::limit::STORE_QUEUE_MAX;

use super::error::{OpenError, classify};
use super::writer::{CommitHook, Committed, Job};
use super::{StoreError, migrate, writer};

/// How to open a store.
#[derive(Clone)]
pub struct Options {
    /// The database file; its folder must exist.
    pub path: PathBuf,
    /// Run everything on the calling task, without threads: for simulation, where time is virtual.
    pub inline: bool,
    /// Asked before every commit; inline stores only.
    pub hook: Option<CommitHook>,
    /// Flush on every commit. Only simulation, which loses processes but never power, turns it off.
    pub flush: bool,
    /// Called once when a flush failed, before the writer ends.
    pub on_flush_failure: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Options {
    /// The durable defaults for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            inline: false,
            hook: None,
            flush: true,
            on_flush_failure: None,
        }
    }
}

/// Readers at once. Two keep a slow page from delaying a turn's history; each costs its page cache.
const READERS: usize = 2;
/// Page cache of the writer, KiB: the hot rows of a busy gateway; bounds memory.
const WRITER_CACHE_KIB: i64 = 2_048;
/// Page cache of one reader, KiB.
const READER_CACHE_KIB: i64 = 1_024;

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

enum Backend {
    Threads {
        writes: mpsc::Sender<Job>,
        reads: mpsc::Sender<ReadJob>,
    },
    Inline {
        connection: Mutex<Option<Box<Connection>>>,
        hook: Option<CommitHook>,
        commits: AtomicU64,
    },
}

/// The store. Cheap to clone; dropping the last clone ends its threads after the queue is empty.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    next_inbox: AtomicI64,
    next_intent: AtomicI64,
    path: PathBuf,
}

/// Bytes of the file header that say how it is written and read; 2 is with a log (sqlite.org/fileformat2.html, 1.3.3).
const LOG_FORMAT: std::ops::Range<usize> = 18..20;

/// A new, empty database in the making, on a thread of its own.
#[derive(Debug)]
pub struct Blank(std::thread::JoinHandle<Result<Vec<u8>, OpenError>>);

impl Blank {
    /// Begins to make one. `None` when there is no thread for it; then [`blank`] does it on the spot.
    pub fn begin() -> Option<Self> {
        let maker = std::thread::Builder::new().name("store-blank".to_owned());
        maker.spawn(blank).ok().map(Self)
    }

    /// Waits until it is made.
    pub fn finish(self) -> Result<Vec<u8>, OpenError> {
        let ended = || OpenError::Other("the maker of the new store ended early".to_owned());
        self.0.join().unwrap_or_else(|_| Err(ended()))
    }
}

/// A new, empty database as the bytes of its file.
///
/// It is made in memory: opening a new file in place flushes nine times before it can be used, although nothing is
/// promised yet. Whoever writes these bytes aside flushes them once and then gives them their name; the folder is flushed
/// by the first commit, because SQLite flushes the folder of the log it makes there.
pub fn blank() -> Result<Vec<u8>, OpenError> {
    let mut connection = Connection::open_in_memory().map_err(classify)?;
    migrate::run(&mut connection)?;
    let mut bytes = connection.serialize("main").map_err(classify)?.to_vec();
    for format in bytes.get_mut(LOG_FORMAT).into_iter().flatten() {
        *format = 2;
    }
    Ok(bytes)
}

impl Store {
    /// Opens or creates the database, brings its schema up to date and starts its threads.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let mut connection = connect(&options.path, false, options.flush, WRITER_CACHE_KIB)?;
        migrate::run(&mut connection)?;
        let next = |table: &str| -> Result<AtomicI64, OpenError> {
            let sql = match table {
                "inbox" => "SELECT coalesce(max(id), 0) + 1 FROM inbox",
                _ => "SELECT coalesce(max(id), 0) + 1 FROM outbox",
            };
            connection
                .query_row(sql, [], |row| row.get(0))
                .map(AtomicI64::new)
                .map_err(classify)
        };
        let (next_inbox, next_intent) = (next("inbox")?, next("outbox")?);
        let backend = if options.inline {
            Backend::Inline {
                connection: Mutex::new(Some(Box::new(connection))),
                hook: options.hook.clone(),
                commits: AtomicU64::new(0),
            }
        } else {
            start_threads(connection, &options)?
        };
        Ok(Self {
            inner: Arc::new(Inner {
                backend,
                next_inbox,
                next_intent,
                path: options.path,
            }),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The next inbox id. Ids ascend in the order they are taken, which is arrival order.
    pub(crate) fn next_inbox_id(&self) -> InboxId {
        InboxId(self.inner.next_inbox.fetch_add(1, Ordering::SeqCst))
    }

    /// The next outbox id. Ids ascend in the order replies are decided.
    pub(crate) fn next_intent_id(&self) -> IntentId {
        IntentId(self.inner.next_intent.fetch_add(1, Ordering::SeqCst))
    }

    /// Runs a closure in a transaction; the future completes once it is on disk. An `Err` undoes only this closure.
    ///
    /// The write is queued by the call itself, not by the first poll, so calls made one after the other commit in
    /// that order (unless the queue is full, when the caller has to wait anyway).
    pub fn write<T, F>(
        &self,
        operation: F,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |transaction: &Transaction<'_>| {
            let result = in_savepoint(transaction, operation);
            Box::new(move |outcome| {
                // A caller that went away does not mind; its rows are committed all the same.
                drop(sender.send(outcome.and(result)));
            })
        });
        let mut late = None;
        match &self.inner.backend {
            Backend::Threads { writes, .. } => {
                if let Err(mpsc::error::TrySendError::Full(job)) = writes.try_send(job) {
                    late = Some((writes.clone(), job));
                }
            }
            Backend::Inline {
                connection,
                hook,
                commits,
            } => {
                let mut guard = connection
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                if let Some(open) = guard.as_mut() {
                    let number = commits.fetch_add(1, Ordering::SeqCst) + 1;
                    match writer::commit(open, vec![job], number, hook.as_ref()) {
                        Committed::Known => {}
                        Committed::Unknown | Committed::Stopped => *guard = None,
                    }
                }
            }
        }
        let inline = matches!(self.inner.backend, Backend::Inline { .. });
        async move {
            if let Some((writes, job)) = late {
                writes.send(job).await.map_err(|_| StoreError::Closed)?;
            }
            match receiver.await {
                Ok(result) => result,
                // The simulated world stopped: whoever waits must not continue as if it had not.
                Err(_) if inline => std::future::pending().await,
                Err(_) => Err(StoreError::Closed),
            }
        }
    }

    /// Runs a read-only closure on a reader.
    pub async fn read<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.inner.backend {
            Backend::Threads { reads, .. } => {
                let (sender, receiver) = oneshot::channel();
                let job: ReadJob =
                    Box::new(move |connection| drop(sender.send(operation(connection))));
                reads.send(job).await.map_err(|_| StoreError::Closed)?;
                receiver.await.unwrap_or(Err(StoreError::Closed))
            }
            Backend::Inline { connection, .. } => {
                let guard = connection
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                match guard.as_ref() {
                    Some(open) => operation(open),
                    None => Err(StoreError::Closed),
                }
            }
        }
    }
}

fn in_savepoint<T>(
    transaction: &Transaction<'_>,
    operation: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // Kept compiled: each is part of every write.
    let run = |sql| transaction.prepare_cached(sql)?.execute([]);
    run("SAVEPOINT one")?;
    let result = operation(transaction);
    if result.is_err() {
        run("ROLLBACK TO one")?;
    }
    run("RELEASE one")?;
    result
}

fn start_threads(connection: Connection, options: &Options) -> Result<Backend, OpenError> {
    let (writes, write_queue) = mpsc::channel::<Job>(STORE_QUEUE_MAX);
    let on_flush_failure = options.on_flush_failure.clone();
    spawn("store-write", move || {
        writer::run(connection, write_queue, &move || {
            if let Some(tell) = &on_flush_failure {
                tell();
            }
        });
    })?;
    let (reads, read_queue) = mpsc::channel::<ReadJob>(STORE_QUEUE_MAX);
    let read_queue = Arc::new(Mutex::new(read_queue));
    let mut opening = Vec::with_capacity(READERS);
    for _ in 0..READERS {
        let queue = Arc::clone(&read_queue);
        let (path, flush) = (options.path.clone(), options.flush);
        let (opened, outcome) = std::sync::mpsc::sync_channel(1);
        // Each opens its connection itself, so that they do it at the same time.
        spawn("store-read", move || {
            let connected = connect(&path, true, flush, READER_CACHE_KIB);
            let (reader, told) = match connected {
                Ok(reader) => (Some(reader), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // Nobody waits any more when the other reader could not be opened.
            drop(opened.send(told));
            if let Some(reader) = reader {
                read_until_closed(&reader, &queue);
            }
        })?;
        opening.push(outcome);
    }
    for outcome in opening {
        outcome
            .recv()
            .map_err(|_| OpenError::Other("a reader of the store ended".to_owned()))??;
    }
    Ok(Backend::Threads { writes, reads })
}

fn read_until_closed(reader: &Connection, queue: &Mutex<mpsc::Receiver<ReadJob>>) {
    loop {
        let job = queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .blocking_recv();
        match job {
            Some(job) => job(reader),
            None => return,
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        // SQLite needs little stack; the default of 2 MiB per thread would only cost address space and pages.
        .stack_size(512 * 1024)
        .spawn(body)
        .map(drop)
        .map_err(|error| OpenError::Other(format!("cannot start thread {name}: {error}")))
}

fn connect(
    path: &Path,
    read_only: bool,
    flush: bool,
    cache_kib: i64,
) -> Result<Connection, OpenError> {
    let flags = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
    };
    let connection = Connection::open_with_flags(path, flags).map_err(classify)?;
    // Our own lock file already keeps other gateways out; this covers a person with a database shell.
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .map_err(classify)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection
        .pragma_update(None, "cache_size", -cache_kib)
        .map_err(classify)?;
    if !read_only {
        use_log(&connection)?;
        connection
            .pragma_update(None, "synchronous", if flush { "FULL" } else { "OFF" })
            .map_err(classify)?;
        connection
            .pragma_update(None, "foreign_keys", "OFF")
            .map_err(classify)?;
        // SQLite's own checkpoints swallow every error, so the writer makes them.
        connection.wal_hook(Some(writer::note_log));
        // Give the space back when a burst made the log larger.
        connection
            .pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)
            .map_err(classify)?;
    }
    Ok(connection)
}

/// Makes every commit an entry of a write-ahead log.
fn use_log(connection: &Connection) -> Result<(), OpenError> {
    // The answer comes before the change is flushed, so only the step after it says whether the disk took it.
    let mut statement = connection
        .prepare("PRAGMA journal_mode = WAL")
        .map_err(classify)?;
    let modes: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(classify)?;
    match modes.as_slice() {
        [mode] if mode == "wal" => Ok(()),
        _ => Err(OpenError::Other(format!(
            "the store cannot keep a write-ahead log there; its mode is {}",
            modes.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::writer::CHECKPOINT_PAGES;
    use super::*;

    fn schema(path: &Path) -> Vec<String> {
        let connection = Connection::open(path).expect("a database");
        let mode: String = connection
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .expect("a mode");
        let version: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .expect("a version");
        let mut statement = connection
            .prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name")
            .expect("a schema");
        let lines = statement
            .query_map([], |row| row.get(0))
            .expect("rows")
            .map(|line| line.expect("a line"));
        [mode, version.to_string()]
            .into_iter()
            .chain(lines)
            .collect()
    }

    #[tokio::test]
    async fn the_log_is_moved_into_the_database_and_used_again() {
        let path = std::env::temp_dir().join(format!("torana-log-{}.db", std::process::id()));
        let store = Store::open(Options {
            inline: true,
            flush: false,
            ..Options::new(&path)
        })
        .expect("opened");
        let page = 4_096;
        for _ in 0..3 * CHECKPOINT_PAGES / 100 {
            store
                .write(move |connection| {
                    connection.execute_batch("CREATE TABLE IF NOT EXISTS filler (bytes BLOB)")?;
                    for _ in 0..100 {
                        connection.execute("INSERT INTO filler VALUES (randomblob(?1))", [page])?;
                    }
                    Ok(())
                })
                .await
                .expect("written");
        }
        let log = PathBuf::from(format!("{}-wal", path.display()));
        let bytes = std::fs::metadata(&log).expect("a log").len();
        assert!(bytes > 4_000_000 && bytes < 20_000_000, "{bytes}");
        drop(store);
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_database_made_in_memory_is_the_one_that_opening_makes() {
        let path = |name: &str| {
            std::env::temp_dir().join(format!("torana-{name}-{}.db", std::process::id()))
        };
        let (aside, opened) = (path("aside"), path("opened"));
        std::fs::write(&aside, blank().expect("made")).expect("written");
        drop(
            Store::open(Options {
                inline: true,
                ..Options::new(&opened)
            })
            .expect("opened"),
        );
        assert_eq!(schema(&aside), schema(&opened));
        for made in [aside, opened] {
            std::fs::remove_file(made).expect("removed");
        }
    }
}
