//! End-to-end tests over HTTP. `routes` mirrors the API; the other modules test what holds for all of it.

mod access;
mod after;
mod batches;
mod budgets;
mod clock;
mod concurrency;
mod deploying;
mod etags;
mod events;
mod faults;
mod idempotency;
mod import;
mod index_lag;
mod large;
mod malformed_requests;
mod maxima;
mod openapi;
mod operations;
mod recorded;
mod routes;
mod runner;
mod settings;
mod smoke;
mod table;
mod template;
mod throttle;
