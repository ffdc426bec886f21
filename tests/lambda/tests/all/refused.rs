//! Proves that policies are enforced: without a statement, exactly the function that needs it is refused.

use std::{sync::Arc, time::Duration};

use license_lambda_tests::{Build, Options, Stack, policy::Statement};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_a_statement_is_refused() {
    let Some(build) = Build::find() else { return };
    let keep = |function: &str, statement: &Statement| {
        function != "SubscriptionsFunction" || !statement.actions.contains(&"dynamodb:GetItem".to_owned())
    };
    let stack = Stack::start(&build, Options { keep: Some(Arc::new(keep)), ..Options::default() }).await;
    let admin = stack.client("admin");
    let plan = "/api/v1/subscriptions/bbbbbbbb-0000-4000-8000-0000000de301/";
    admin.get(plan).await.expect(500);
    let refused = stack.refused();
    assert!(!refused.is_empty() && refused.iter().all(|line| line.contains("SubscriptionsFunction")), "{refused:?}");
    // AWS's error is in the log, for the operator on call. Log lines arrive with a delay.
    let is_logged = || stack.functions()["SubscriptionsFunction"].log().join("\n").contains("AccessDenied");
    let mut looks = 0;
    while !is_logged() {
        looks += 1;
        assert!(looks < 100, "{:?}", stack.functions()["SubscriptionsFunction"].log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    admin.get(&format!("{plan}licenses/overview/")).await.expect(200);
    assert_eq!(stack.refused().len(), refused.len());
}
