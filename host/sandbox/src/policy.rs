//! What every extension point has in common: describing itself, checking settings, answering a batch.

use guanjia_domain::{
    Result,
    plugin::ExtensionPoint,
    point::{Answer, Question},
    values::{Description, Problem},
};
use wasmtime::component::InstancePre;

use crate::{
    call::{CallState, Called},
    engine::Runtime,
    fee_policy, late_fee_policy,
    limits::Limits,
    ticket_policy,
};

/// One extension point of a component, linked and ready to be instantiated.
pub(crate) trait Policy: Send + Sync {
    fn describe(&self, runtime: &Runtime, limits: &Limits) -> Result<Called<Description>>;

    fn check_settings(&self, runtime: &Runtime, limits: &Limits, settings: &str) -> Result<Called<Vec<Problem>>>;

    /// # Errors
    /// `Invalid` for a question of another point; `Unavailable` when the host is at fault.
    fn evaluate(
        &self,
        runtime: &Runtime,
        limits: &Limits,
        settings: &str,
        question: &Question,
    ) -> Result<Called<Answer>>;
}

/// A version of an interface that this host serves.
pub(crate) struct Served {
    pub point: ExtensionPoint,
    /// Name under which a component exports it.
    pub export: &'static str,
    pub link: fn(InstancePre<CallState>) -> wasmtime::Result<Box<dyn Policy>>,
}

/// All of them. A new version of an interface stands here beside the old one.
pub(crate) const SERVED: &[Served] = &[fee_policy::SERVED, late_fee_policy::SERVED, ticket_policy::SERVED];

/// Makes a [`Policy`] of generated bindings: `$name` with its `SERVED`, and the module's own `evaluate` for what differs.
macro_rules! policy {
    ($name:ident for $point:ident as $question:ident: $pre:ty, $guest:ident, $export:literal) => {
        pub(crate) const SERVED: $crate::policy::Served = $crate::policy::Served {
            point: guanjia_domain::plugin::ExtensionPoint::$point,
            export: $export,
            link: |pre| Ok(Box::new($name { pre: <$pre>::new(pre)? })),
        };

        pub(crate) struct $name {
            pre: $pre,
        }

        impl $crate::policy::Policy for $name {
            fn describe(
                &self,
                runtime: &$crate::engine::Runtime,
                limits: &$crate::limits::Limits,
            ) -> guanjia_domain::Result<$crate::call::Called<guanjia_domain::values::Description>> {
                let called = $crate::call::run(
                    runtime,
                    &limits.budget(0, ""),
                    |store| self.pre.instantiate(store),
                    |store, plugin| plugin.$guest().call_describe(store),
                )?;
                Ok(called.map($crate::values::from_description))
            }

            fn check_settings(
                &self,
                runtime: &$crate::engine::Runtime,
                limits: &$crate::limits::Limits,
                settings: &str,
            ) -> guanjia_domain::Result<$crate::call::Called<Vec<guanjia_domain::values::Problem>>> {
                let called = $crate::call::run(
                    runtime,
                    &limits.budget(0, settings),
                    |store| self.pre.instantiate(store),
                    |store, plugin| plugin.$guest().call_check_settings(store, settings),
                )?;
                Ok(called.map(|problems| problems.into_iter().map($crate::values::from_problem).collect()))
            }

            fn evaluate(
                &self,
                runtime: &$crate::engine::Runtime,
                limits: &$crate::limits::Limits,
                settings: &str,
                question: &guanjia_domain::point::Question,
            ) -> guanjia_domain::Result<$crate::call::Called<guanjia_domain::point::Answer>> {
                match question {
                    guanjia_domain::point::Question::$question(batch) => {
                        let called = self.ask(runtime, limits, settings, batch)?;
                        Ok(called.map(guanjia_domain::point::Answer::$question))
                    }
                    other => Err(guanjia_domain::Error::invalid(format!(
                        concat!(stringify!($point), " was asked what belongs to {}"),
                        other.point()
                    ))),
                }
            }
        }
    };
}
pub(crate) use policy;
