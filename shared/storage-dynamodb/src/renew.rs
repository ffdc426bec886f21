//! Processing a renewal: the single transactions of its run. An opened run is never undone.

mod carry_over;
mod close;
mod copy;
mod copy_page;
mod left_out;
mod open;
mod snapshot;

use async_trait::async_trait;
use license_domain::{AgreementId, EmailKey, Job, Portfolio, RenewalId, RenewalRun, Stamp, SubscriptionPlanRenewal};

use self::snapshot::AgreementSnapshot;
use crate::{Store, attempts::Attempt, keys, portfolios::sum, rows};
use license_storage::{
    CarriedOver, Change, Copied, CopyPage, CopyPlace, Jobs, LeftOut, LeftOutPage, OpenedRenewal, Renew, RenewError,
    RenewalUnderWay, Renewed, StoreError,
};

#[async_trait]
impl Renew for Store {
    /// 1. Read the renewal's agreement, strongly, hidden plans included. If it is processed already: that is the
    ///    result.
    /// 2. If it names a run: that run is under way.
    /// 3. Open a run (`open_run`). Only this step may refuse. A condition failed, or the transaction conflicted: repeat
    ///    from 1 after a random wait.
    async fn open_renewal(&self, renewal: RenewalId, change: &Change) -> Result<OpenedRenewal, RenewError> {
        let pointer = self.table.get(&keys::renewal(renewal)).await?;
        let agreement: AgreementId = pointer.as_ref().map(rows::target).transpose()?.ok_or(RenewError::Missing)?;
        self.table
            .attempts("process renewal", (), |()| async move {
                let snapshot = self.agreement_snapshot(agreement, renewal).await?.ok_or(RenewError::Missing)?;
                if snapshot.renewal.processed {
                    let AgreementSnapshot { portfolio, renewal, .. } = snapshot;
                    let renewed = Renewed { portfolio, renewal, is_new: false };
                    return Ok(Attempt::Done(OpenedRenewal::Processed(renewed)));
                }
                let run = match snapshot.run {
                    Some(run) => self.job(run).await?,
                    None => self.open_run(&snapshot, change).await?,
                };
                Ok(run.map_or(Attempt::Retry(()), |run| Attempt::Done(OpenedRenewal::UnderWay(run))))
            })
            .await
    }

    async fn renewal_under_way(&self, run: &Job) -> Result<Option<RenewalUnderWay>, StoreError> {
        let of = renewal_of(run)?;
        let snapshot = self.agreement_snapshot(run.customer_agreement, of.renewal).await?;
        let AgreementSnapshot { portfolio, renewal, .. } = snapshot.ok_or_else(|| corrupt(run, "no renewal"))?;
        if renewal.processed {
            return Ok(None);
        }
        let plan = |id| portfolio.plan(id).cloned().ok_or_else(|| corrupt(run, "no plan"));
        let (prior, future) = (plan(renewal.prior_subscription_plan)?, plan(of.future_plan)?);
        Ok(Some(RenewalUnderWay { run: run.uuid, of: of.clone(), portfolio, renewal, prior, future }))
    }

    async fn count_to_copy(&self, renewal: &RenewalUnderWay) -> Result<u64, StoreError> {
        let buckets: Vec<_> = self.buckets(&renewal.prior).await?.into_iter().map(|(_, bucket)| bucket).collect();
        let counts = sum(renewal.prior.seats.total, &buckets);
        Ok(renewal.renewal.license_types_to_copy.count(&counts))
    }

    async fn page_to_copy(&self, renewal: &RenewalUnderWay, from: &CopyPlace) -> Result<CopyPage, StoreError> {
        self.read_page_to_copy(renewal, from).await
    }

    async fn copy_licenses(
        &self,
        renewal: &RenewalUnderWay,
        turn: usize,
        learners: &[EmailKey],
        stamp: &Stamp,
    ) -> Result<Copied, StoreError> {
        self.copy_chunk(copy::Copying { renewal, stamp }, turn, learners).await
    }

    async fn carry_over(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        learners: &[EmailKey],
        stamp: &Stamp,
    ) -> Result<CarriedOver, StoreError> {
        self.carry_over_changes(portfolio, renewal, learners, stamp).await
    }

    async fn left_out(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        from: Option<LeftOutPage>,
    ) -> Result<LeftOut, StoreError> {
        self.learners_left_out(portfolio, renewal, from).await
    }

    async fn close_renewal(&self, run: &Job, stamp: &Stamp) -> Result<Renewed, StoreError> {
        self.close_run(run, stamp).await
    }
}

fn renewal_of(run: &Job) -> Result<&RenewalRun, StoreError> {
    run.renewal.as_ref().ok_or_else(|| corrupt(run, "no renewal"))
}

fn corrupt(run: &Job, cause: &str) -> StoreError {
    StoreError::Corrupt { key: format!("run {}", run.uuid), cause: cause.to_owned() }
}
