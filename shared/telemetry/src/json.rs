//! Formats a log line: the event's own fields, and in `span` the fields of all spans around it, so that one query by
//! any id finds all lines of a request.

use std::fmt;

use license_domain::{Pii, pii::class_of};
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{JsonFields, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// Writes events as JSON objects, one in each line.
pub(crate) struct Lines;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonFields> for Lines {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Fields::default();
        line.0.insert("timestamp".to_owned(), timestamp.into());
        line.0.insert("level".to_owned(), event.metadata().level().as_str().into());
        event.record(&mut line);
        line.0.insert("target".to_owned(), event.metadata().target().into());
        let mut around = Map::new();
        for span in context.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() {
                // `JsonFields` wrote them; a span without fields has an empty text.
                around.extend(serde_json::from_str::<Map<String, Value>>(fields).unwrap_or_default());
            }
        }
        if !around.is_empty() {
            line.0.insert("span".to_owned(), around.into());
        }
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

/// The text in place of a masked value.
const MASK: &str = "(masked)";

/// An event's fields.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    /// Personal and secret values are masked, whatever field they are in.
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        let is_masked = class_of(field.name()).is_some_and(Pii::is_masked);
        let value = if is_masked { MASK.into() } else { value.into() };
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Result, Write},
        sync::{Arc, Mutex},
    };

    use serde_json::json;
    use tracing_subscriber::EnvFilter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_ids_of_all_spans_at_every_level() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new("error"))
            .event_format(Lines)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(log, || {
            let outer = tracing::error_span!("invocation", lambda_request_id = "l-1", trace_id = "1-2-3");
            let inner = || tracing::error_span!("request", request_id = "r \"1\"");
            outer.in_scope(|| {
                inner()
                    .in_scope(|| tracing::error!(attempt = 2, user_email = "a@b.c", cause = %"no\nluck", "it failed"));
            });
            tracing::info!("not this one");
            tracing::error!("outside");
        });
        let bytes = kept.0.lock().expect("not poisoned").clone();
        let text = String::from_utf8(bytes).expect("text");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["span"], json!({"lambda_request_id": "l-1", "trace_id": "1-2-3", "request_id": "r \"1\""}));
        assert_eq!(lines[0]["message"], "it failed");
        assert_eq!(lines[0]["user_email"], MASK);
        assert_eq!((&lines[0]["attempt"], &lines[0]["cause"]), (&json!(2), &json!("no\nluck")));
        assert_eq!((&lines[0]["level"], &lines[0]["target"]), (&json!("ERROR"), &json!(module_path!())));
        assert!(lines[0]["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{text}");
        assert_eq!((&lines[1]["message"], lines[1].get("span")), (&json!("outside"), None));
    }
}
