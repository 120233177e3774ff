//! What a connection has read of which key: the context that its next write of that key carries.

use std::collections::HashMap;

use syncline_replicas::Context;

/// How many keys are remembered.
const MOST_KEYS: usize = 128;

/// The contexts of the keys that were read last.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    // Looked up by key; the order in which keys are forgotten is that of the reads.
    held: HashMap<Vec<u8>, (u64, Context)>,
    reads: u64,
}

impl Contexts {
    /// A key was read. What was read of it before counts no more.
    pub(crate) fn remember(&mut self, context: Context) {
        // Who has seen no version replaces none: a write without a context does the same.
        if context.seen.is_empty() {
            self.held.remove(&context.key);
            return;
        }
        if self.held.len() >= MOST_KEYS && !self.held.contains_key(&context.key) {
            let oldest = self.held.iter().min_by_key(|(_, (read, _))| *read).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.held.remove(&oldest);
            }
        }
        self.reads += 1;
        self.held.insert(context.key.clone(), (self.reads, context));
    }

    /// What a write of the key carries; it is forgotten, since the write replaces what was read.
    pub(crate) fn take(&mut self, key: &[u8]) -> Option<Context> {
        self.held.remove(key).map(|(_, context)| context)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.held = HashMap::new();
    }
}

#[cfg(test)]
mod tests {
    use syncline_clocks::{Dot, ReplicaId};
    use syncline_replicas::Context;

    use super::{Contexts, MOST_KEYS};

    fn context(key: usize) -> Context {
        let dot = Dot::first(ReplicaId::from_u128(1));
        Context { key: key.to_string().into_bytes(), seen: [dot].into(), ..Context::default() }
    }

    #[test]
    fn the_oldest_is_forgotten_and_each_is_used_once() {
        let mut contexts = Contexts::default();
        for key in 0..=MOST_KEYS {
            contexts.remember(context(key));
        }
        assert_eq!(contexts.take(b"0"), None);
        assert_eq!(contexts.take(b"1"), Some(context(1)));
        assert_eq!(contexts.take(b"1"), None);
        contexts.remember(Context { key: b"2".to_vec(), ..Context::default() });
        assert_eq!(contexts.take(b"2"), None);
    }
}
