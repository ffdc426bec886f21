//! A request that is to have its effect once, however often it is sent.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::BatchId;

/// What makes a request one of a kind. It is committed with the request's effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Who sends it and the key that they gave it, as a digest.
    pub key: String,
    /// The request, as a digest: the same key with another request is a mistake.
    pub fingerprint: String,
    /// This attempt at it. Of two attempts at the same time one has the effect.
    pub attempt: Uuid,
    /// The answer, where it is known before the effect.
    pub answer: Option<StoredAnswer>,
    /// What an earlier attempt had begun.
    pub begun: Option<Begun>,
    /// Whether the answer is on record.
    pub is_answered: Flag,
}

/// An answer that can be given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// The status.
    pub status: u16,
    /// The body, JSON as text; empty where there is none.
    pub body: String,
}

/// What takes several transactions, and is carried on by the attempt that finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// A batch.
    Batch(BatchId),
    /// Some of several parts, each with its own result.
    Parts,
    /// All of them: nothing is left to be done but the answer.
    AllParts,
    /// A transaction whose answer is made again from what is there.
    Effect,
}

/// A mark that all copies share. It says nothing about what is equal.
#[derive(Clone, Debug, Default)]
pub struct Flag(Arc<AtomicBool>);

impl Flag {
    /// Sets it.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is set.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl PartialEq for Flag {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Flag {}
