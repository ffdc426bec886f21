//! `lmctl redrive`: each message is sent to its queue before it is deleted from the dead-letter queue. Ctrl-C in between
//! leaves it in both, and the product takes a message that comes twice as one.

use std::io::Write;

use license_messaging::Redrive;
use serde_json::json;

use super::{end_progress, progress};
use crate::{
    Error, Exit, Global,
    arguments::RedriveArguments,
    connect::{is_loopback, sdk_config},
    output::Listing,
};

pub(crate) async fn redrive(
    global: &Global,
    arguments: &RedriveArguments,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let RedriveArguments { from, to, sqs_endpoint, limit } = arguments;
    for url in [Some(from), Some(to), sqs_endpoint.as_ref()].into_iter().flatten() {
        url::Url::parse(url).map_err(|_| Error::Usage(format!("{url} is no URL")))?;
    }
    if from == to {
        return Err(Error::Usage("both queues are the same one".to_owned()));
    }
    let aws = sdk_config(global, sqs_endpoint.as_deref().is_some_and(is_loopback)).await?;
    let queues = Redrive::new(&aws, sqs_endpoint.as_deref());
    let waiting = queues.depth(from).await?;
    let mut moved = 0;
    while !global.dry_run && moved < *limit {
        let some = queues.move_some(from, to, *limit - moved).await?;
        if some == 0 {
            break;
        }
        moved += some;
        progress(&format!("{moved} messages sent back"));
    }
    end_progress();
    let mut listing = Listing::new(global, ["from", "to", "waiting", "moved"], out)?;
    listing.row([json!(from), json!(to), json!(waiting), json!(moved)])?;
    listing.finish()?;
    Ok(Exit::Done)
}
