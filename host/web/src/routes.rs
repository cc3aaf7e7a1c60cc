//! The one table of routes: method, path, what it asks for, handler. The router is made from it and from nothing else, so
//! that a route without an entry does not exist; a test asks every route as every role and compares with the table.

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Request},
    http::Method,
    middleware::{Next, from_fn},
    routing::{MethodRouter, get, post},
};
use guanjia_domain::{access::Permission, idempotency::KEY_LENGTH_MAX};
use utoipa::{
    OpenApi,
    openapi::{
        Required,
        path::{Operation, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt},
    routes,
};
use utoipa_swagger_ui::SwaggerUi;

use crate::{AppState, api, api::Document, assets, console, health, idempotency, urls};

/// What a route asks for before it does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    Nothing,
    /// Any user of the company.
    Login,
    For(Permission),
}

pub(crate) struct Route {
    pub method: Method,
    pub path: &'static str,
    pub asks: Asks,
    /// Largest body in bytes, where it is more than a form's.
    body_bytes_max: Option<usize>,
    mount: Mount,
}

enum Mount {
    /// Part of the API document.
    Api(fn() -> UtoipaMethodRouter<AppState>),
    Page(fn() -> MethodRouter<AppState>),
}

impl Route {
    fn with_body(self, bytes_max: usize) -> Self {
        Self { body_bytes_max: Some(bytes_max), ..self }
    }

    #[cfg(test)]
    pub(crate) fn is_api(&self) -> bool {
        matches!(self.mount, Mount::Api(_))
    }
}

/// Largest upload: what the readers of workbooks take, with room for the form around it. Components are smaller, also those
/// that carry an interpreter.
const UPLOAD_BYTES_MAX: usize = guanjia_exchange::limits::FILE_BYTES_MAX + (1 << 20);
/// A confirmed import comes back as a form with the file in it, written in twice as many characters.
const CONFIRMED_BYTES_MAX: usize = 2 * console::import::CONFIRMABLE_BYTES_MAX + (64 << 10);

macro_rules! api {
    ($method:ident $path:literal, $permission:ident, $($handler:tt)+) => {
        Route {
            method: Method::$method,
            path: $path,
            asks: Asks::For(Permission::$permission),
            body_bytes_max: None,
            mount: Mount::Api(|| routes!($($handler)+)),
        }
    };
}

macro_rules! page {
    ($method:ident $path:path, $asks:expr, $handler:expr) => {
        Route {
            method: Method::$method,
            path: $path,
            asks: $asks,
            body_bytes_max: None,
            mount: Mount::Page(|| page!(@ $method $handler)),
        }
    };
    (@ GET $handler:expr) => { get($handler) };
    (@ POST $handler:expr) => { post($handler) };
}

/// All routes.
pub(crate) fn table() -> Vec<Route> {
    let mut table = api_table();
    table.extend(console_table());
    table
}

#[rustfmt::skip]
fn api_table() -> Vec<Route> {
    vec![
        api!(GET "/api/v1/projects", ReadEstate, api::projects::list_projects),
        api!(GET "/api/v1/projects/{id}", ReadEstate, api::projects::read_project),
        api!(GET "/api/v1/projects/{id}/export.xlsx", ReadPersonalData, api::projects::export_project),
        api!(GET "/api/v1/units", ReadEstate, api::units::list_units),
        api!(GET "/api/v1/units/{id}", ReadEstate, api::units::read_unit),
        api!(PUT "/api/v1/units/{id}", WriteEstate, api::units::edit_unit),
        api!(GET "/api/v1/units/{id}/records", ReadEstate, api::units::read_records),
        api!(POST "/api/v1/units/{id}/meters", WriteReadings, api::meters::add_meter),
        api!(GET "/api/v1/meters/{id}/readings", ReadEstate, api::meters::list_readings),
        api!(POST "/api/v1/meters/{id}/readings", WriteReadings, api::meters::enter_reading),
        api!(GET "/api/v1/meter-readings/{id}", ReadEstate, api::meters::read_reading),
        api!(PUT "/api/v1/meter-readings/{id}", WriteReadings, api::meters::correct_reading),
        api!(GET "/api/v1/cost-pools", ReadCharges, api::cost_pools::list_cost_pools),
        api!(PUT "/api/v1/cost-pools", WriteReadings, api::cost_pools::set_cost_pool),
        api!(GET "/api/v1/fee-items", ReadEstate, api::units::list_fee_items),
        api!(GET "/api/v1/billing-runs", ReadCharges, api::billing_runs::list_runs),
        api!(POST "/api/v1/billing-runs", PreviewCharges, api::billing_runs::create_run),
        api!(POST "/api/v1/billing-runs/re-ratings", PreviewCharges, api::billing_runs::create_reratings),
        api!(GET "/api/v1/billing-runs/{id}", ReadCharges, api::billing_runs::read_run),
        api!(GET "/api/v1/billing-runs/{id}/adjustment", ReadCharges, api::billing_runs::run_adjustment),
        api!(GET "/api/v1/billing-runs/{id}/totals", ReadCharges, api::billing_runs::run_totals),
        api!(GET "/api/v1/billing-runs/{id}/held", ReadCharges, api::billing_runs::run_held),
        api!(GET "/api/v1/billing-runs/{id}/held/counts", ReadCharges, api::billing_runs::run_held_counts),
        api!(GET "/api/v1/billing-runs/{id}/lines", ReadCharges, api::billing_runs::run_lines),
        api!(GET "/api/v1/billing-runs/{id}/comparison", ReadCharges, api::billing_runs::run_comparison),
        api!(GET "/api/v1/billing-runs/{id}/progress", ReadCharges, api::billing_runs::run_progress),
        api!(POST "/api/v1/billing-runs/{id}/approve", ApproveCharges, api::billing_runs::approve_run),
        api!(POST "/api/v1/billing-runs/{id}/post", PostCharges, api::billing_runs::post_run),
        api!(POST "/api/v1/billing-runs/{id}/cancel", PreviewCharges, api::billing_runs::cancel_run),
        api!(POST "/api/v1/billing-runs/{id}/resume", PreviewCharges, api::billing_runs::resume_run),
        api!(GET "/api/v1/charges", ReadCharges, api::charges::list_charges),
        api!(GET "/api/v1/charges/{id}/explanation", ReadCharges, api::charges::explain_charge),
        api!(GET "/api/v1/decisions/{id}", ReadCharges, api::decisions::read_decision),
        api!(GET "/api/v1/decisions/{id}/lines/{line}/explanation", ReadCharges, api::decisions::explain_line),
        api!(GET "/api/v1/decisions/{id}/lines/{line}/proof", ReadCharges, api::decisions::prove_line),
        api!(POST "/api/v1/decisions/{id}/replay", ReadCharges, api::decisions::replay_decision),
        api!(GET "/api/v1/replay-samples", ReadCharges, api::replay_samples::list_replay_samples),
        api!(POST "/api/v1/replay-samples", ReadCharges, api::replay_samples::create_replay_sample),
        api!(GET "/api/v1/facts", ReadPlugins, api::facts::list_facts),
        api!(GET "/api/v1/plugins", ReadPlugins, api::plugins::list_plugins),
        api!(POST "/api/v1/plugins/pull", ManagePlugins, api::plugins::pull_plugin),
        api!(POST "/api/v1/plugins", ManagePlugins, api::plugins::install_plugin).with_body(UPLOAD_BYTES_MAX),
        api!(GET "/api/v1/installations", ManagePlugins, api::installations::list_installations),
        api!(GET "/api/v1/installations/{id}", ManagePlugins, api::installations::read_installation),
        api!(GET "/api/v1/installations/{id}/progress", ManagePlugins, api::installations::installation_progress),
        api!(POST "/api/v1/installations/{id}/cancel", ManagePlugins, api::installations::cancel_installation),
        api!(GET "/api/v1/publishers", ReadPlugins, api::publishers::list_publishers),
        api!(POST "/api/v1/publishers", ManagePlugins, api::publishers::create_publisher),
        api!(DELETE "/api/v1/publishers/{id}", ManagePlugins, api::publishers::delete_publisher),
        api!(GET "/api/v1/trust-rule", ReadPlugins, api::publishers::read_trust_rule),
        api!(PUT "/api/v1/trust-rule", ManagePlugins, api::publishers::edit_trust_rule),
        api!(GET "/api/v1/bindings", ReadPlugins, api::bindings::list_bindings),
        api!(POST "/api/v1/bindings", ManagePlugins, api::bindings::create_binding),
        api!(POST "/api/v1/bindings/everywhere", ManagePlugins, api::activations::bind_everywhere),
        api!(POST "/api/v1/bindings/roll-back", ManagePlugins, api::activations::roll_back),
        api!(GET "/api/v1/proposals", ReadPlugins, api::activations::list_proposals),
        api!(POST "/api/v1/proposals/{id}/approve", ApprovePlugins, api::activations::approve_proposal),
        api!(POST "/api/v1/proposals/{id}/refuse", ReadPlugins, api::activations::refuse_proposal),
        api!(GET "/api/v1/activation-rule", ReadPlugins, api::activations::read_activation_rule),
        api!(PUT "/api/v1/activation-rule", ManageUsers, api::activations::set_activation_rule),
        api!(POST "/api/v1/plugins/{plugin}/{version}/settings-migration", ReadPlugins, api::activations::migrate),
        api!(GET "/api/v1/bindings/{id}", ReadPlugins, api::watch::read_binding),
        api!(POST "/api/v1/bindings/{id}/quarantine", ManagePlugins, api::watch::quarantine_binding),
        api!(POST "/api/v1/bindings/{id}/release", ManagePlugins, api::watch::release_binding),
        api!(GET "/api/v1/trials", TryPlugins, api::trials::list_trials),
        api!(POST "/api/v1/trials", TryPlugins, api::trials::create_trial),
        api!(GET "/api/v1/trials/{id}", TryPlugins, api::trials::read_trial),
        api!(GET "/api/v1/trials/{id}/progress", TryPlugins, api::trials::trial_progress),
        api!(GET "/api/v1/trials/{id}/movers/{number}", TryPlugins, api::trials::explain_mover),
        api!(POST "/api/v1/trials/{id}/cancel", TryPlugins, api::trials::cancel_trial),
        api!(POST "/api/v1/trials/{id}/resume", TryPlugins, api::trials::resume_trial),
        api!(GET "/api/v1/tickets", ReadTickets, api::tickets::list_tickets),
        api!(POST "/api/v1/tickets", WriteTickets, api::tickets::create_ticket),
        api!(GET "/api/v1/tickets/{id}", ReadTickets, api::tickets::read_ticket),
        api!(PUT "/api/v1/tickets/{id}", WriteTickets, api::tickets::edit_ticket),
        api!(POST "/api/v1/tickets/{id}/moves", ReadTickets, api::tickets::move_ticket),
        api!(GET "/api/v1/tickets/{id}/owner-links", ReadTickets, api::owner_links::list_ticket_links),
        api!(POST "/api/v1/tickets/{id}/owner-links", WriteTickets, api::owner_links::create_ticket_link),
        api!(GET "/api/v1/units/{id}/owner-links", ReadTickets, api::owner_links::list_unit_links),
        api!(POST "/api/v1/units/{id}/owner-links", WriteTickets, api::owner_links::create_unit_link),
        api!(POST "/api/v1/owner-links/{id}/revoke", WriteTickets, api::owner_links::revoke_link),
        api!(GET "/api/v1/tickets/{id}/work-orders", ReadTickets, api::work_orders::list_orders_of_ticket),
        api!(POST "/api/v1/tickets/{id}/work-orders", ReadTickets, api::work_orders::create_work_order),
        api!(GET "/api/v1/work-orders", ReadTickets, api::work_orders::list_work_orders),
        api!(GET "/api/v1/work-orders/{id}", ReadTickets, api::work_orders::read_work_order),
        api!(PUT "/api/v1/work-orders/{id}", ReadTickets, api::work_orders::edit_work_order),
        api!(POST "/api/v1/work-orders/{id}/moves", ReadTickets, api::work_orders::move_work_order),
        api!(GET "/api/v1/ticket-kinds", ReadTickets, api::ticket_kinds::list_ticket_kinds),
        api!(PUT "/api/v1/ticket-kinds/{code}", ManageOffice, api::ticket_kinds::set_ticket_kind),
        api!(GET "/api/v1/ticket-categories", ReadTickets, api::ticket_kinds::list_ticket_categories),
        api!(PUT "/api/v1/ticket-categories/{code}", ManageOffice, api::ticket_kinds::set_ticket_category),
        api!(GET "/api/v1/calendars", ReadTickets, api::calendars::list_calendars),
        api!(PUT "/api/v1/calendars", ManageOffice, api::calendars::set_calendar),
        api!(GET "/api/v1/calendars/due", ReadTickets, api::calendars::resolve_due),
        api!(POST "/api/v1/imports", WriteEstate, api::imports::import_workbook).with_body(UPLOAD_BYTES_MAX),
        api!(GET "/api/v1/audit", ReadAudit, api::audit::list_audit),
        api!(GET "/api/v1/events", ReadAudit, api::audit::list_events),
        api!(GET "/api/v1/users", ManageUsers, api::users::list_users),
        api!(POST "/api/v1/users", ManageUsers, api::users::create_user),
    ]
}

#[rustfmt::skip]
fn console_table() -> Vec<Route> {
    use Asks::{For, Login, Nothing};
    use Permission as P;
    vec![
        page!(GET urls::HEALTHZ, Nothing, health::healthz),
        page!(GET urls::READYZ, Nothing, health::readyz),
        page!(GET urls::METRICS, Nothing, health::metrics),
        page!(GET urls::ASSETS, Nothing, assets::asset),
        page!(GET urls::OPENAPI, Nothing, document),
        page!(GET urls::LOGIN, Nothing, console::login::form),
        page!(POST urls::LOGIN, Nothing, console::login::log_in),
        page!(POST urls::LANGUAGE, Nothing, console::login::choose_language),
        page!(POST urls::LOGOUT, Login, console::login::log_out),
        page!(GET urls::ME, Login, console::login::me),
        page!(GET urls::HOME, For(P::ReadEstate), console::home::page),
        page!(GET urls::UNITS, For(P::ReadEstate), console::units::list),
        page!(GET urls::UNIT, For(P::ReadEstate), console::units::page),
        page!(POST urls::UNIT_METERS, For(P::WriteReadings), console::meters::add),
        page!(GET urls::METER, For(P::ReadEstate), console::meters::page),
        page!(POST urls::METER, For(P::WriteReadings), console::meters::enter),
        page!(POST urls::READING, For(P::WriteReadings), console::meters::correct),
        page!(GET urls::COST_POOLS, For(P::ReadCharges), console::cost_pools::page),
        page!(POST urls::COST_POOLS, For(P::WriteReadings), console::cost_pools::set),
        page!(GET urls::BILLING, For(P::ReadCharges), console::billing::list),
        page!(POST urls::BILLING, For(P::PreviewCharges), console::billing::start),
        page!(GET urls::RUN, For(P::ReadCharges), console::billing::page),
        page!(GET urls::RUN_LINES, For(P::ReadCharges), console::billing::lines),
        page!(GET urls::RUN_HELD, For(P::ReadCharges), console::billing::held),
        page!(POST urls::RUN_APPROVE, For(P::ApproveCharges), console::billing::approve),
        page!(POST urls::RUN_POST, For(P::PostCharges), console::billing::post),
        page!(POST urls::RUN_CANCEL, For(P::PreviewCharges), console::billing::cancel),
        page!(POST urls::RUN_RESUME, For(P::PreviewCharges), console::billing::resume),
        page!(GET urls::LINE, For(P::ReadCharges), console::line::page),
        page!(POST urls::REPLAY, For(P::ReadCharges), console::line::replay),
        page!(GET urls::CHARGE, For(P::ReadCharges), console::line::charge),
        page!(GET urls::PLUGINS, For(P::ReadPlugins), console::plugins::list),
        page!(POST urls::PLUGINS, For(P::ManagePlugins), console::plugins::install).with_body(UPLOAD_BYTES_MAX),
        page!(GET urls::FACTS, For(P::ReadPlugins), console::facts::list),
        page!(GET urls::REPLAY_SAMPLES, For(P::ReadCharges), console::replay_samples::list),
        page!(POST urls::REPLAY_SAMPLES, For(P::ReadCharges), console::replay_samples::start),
        page!(POST urls::PLUGIN_PULL, For(P::ManagePlugins), console::plugins::pull),
        page!(GET urls::INSTALLATION, For(P::ManagePlugins), console::installation::page),
        page!(POST urls::INSTALLATION_CANCEL, For(P::ManagePlugins), console::installation::cancel),
        page!(GET urls::PLUGIN, For(P::ReadPlugins), console::plugins::page),
        page!(GET urls::BIND, For(P::ManagePlugins), console::activation::form),
        page!(POST urls::BIND, For(P::ManagePlugins), console::activation::bind),
        page!(POST urls::BINDING_BACK, For(P::ManagePlugins), console::activation::roll_back),
        page!(GET urls::PROPOSALS, For(P::ReadPlugins), console::activation::proposals),
        page!(POST urls::PROPOSAL_APPROVE, For(P::ApprovePlugins), console::activation::approve),
        page!(POST urls::PROPOSAL_REFUSE, For(P::ReadPlugins), console::activation::refuse),
        page!(POST urls::ACTIVATION_RULE, For(P::ManageUsers), console::activation::set_rule),
        page!(GET urls::BINDING, For(P::ReadPlugins), console::binding::page),
        page!(POST urls::BINDING_QUARANTINE, For(P::ManagePlugins), console::binding::quarantine),
        page!(POST urls::BINDING_RELEASE, For(P::ManagePlugins), console::binding::release),
        page!(POST urls::BINDING_RERATE, For(P::PreviewCharges), console::binding::rerate),
        page!(GET urls::TRIALS, For(P::TryPlugins), console::trials::list),
        page!(POST urls::TRIALS, For(P::TryPlugins), console::trials::start),
        page!(GET urls::TRIAL, For(P::TryPlugins), console::trials::page),
        page!(POST urls::TRIAL_CANCEL, For(P::TryPlugins), console::trials::cancel),
        page!(POST urls::TRIAL_RESUME, For(P::TryPlugins), console::trials::resume),
        page!(GET urls::TRIAL_MOVER, For(P::TryPlugins), console::trials::mover),
        page!(GET urls::TICKETS, For(P::ReadTickets), console::tickets::board),
        page!(GET urls::TICKET_NEW, For(P::WriteTickets), console::ticket_intake::form),
        page!(POST urls::TICKET_NEW, For(P::WriteTickets), console::ticket_intake::take_in),
        page!(GET urls::MY_TICKETS, Login, console::tickets::mine),
        page!(GET urls::TICKET, Login, console::ticket::page),
        page!(POST urls::TICKET, For(P::WriteTickets), console::ticket::edit),
        page!(POST urls::TICKET_MOVES, For(P::ReadTickets), console::ticket::make_move),
        page!(POST urls::TICKET_LINKS, For(P::WriteTickets), console::ticket::make_link),
        page!(POST urls::TICKET_ORDERS, For(P::ReadTickets), console::work_orders::add),
        page!(GET urls::WORK_ORDER, For(P::ReadTickets), console::work_orders::show),
        page!(POST urls::WORK_ORDER, For(P::ReadTickets), console::work_orders::make),
        page!(GET urls::OWNER, Nothing, console::owner::page),
        page!(POST urls::OWNER_REPORT, Nothing, console::owner::report),
        page!(POST urls::OWNER_RATE, Nothing, console::owner::rate),
        page!(GET urls::AUDIT, For(P::ReadAudit), console::audit::list),
        page!(GET urls::IMPORT, For(P::WriteEstate), console::import::form),
        page!(POST urls::IMPORT, For(P::WriteEstate), console::import::compare).with_body(UPLOAD_BYTES_MAX),
        page!(POST urls::IMPORT_APPLY, For(P::WriteEstate), console::import::apply).with_body(CONFIRMED_BYTES_MAX),
    ]
}

/// Router and document, both from the table.
fn built() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let mut router = OpenApiRouter::with_openapi(Document::openapi());
    for route in table() {
        router = match (&route.mount, route.body_bytes_max) {
            (Mount::Api(mount), None) => router.routes(once(&route, mount())),
            // The limit goes around what reads the body to compare it.
            (Mount::Api(mount), Some(max)) => router.routes(once(&route, mount()).layer(DefaultBodyLimit::max(max))),
            (Mount::Page(mount), None) => router.route(route.path, mount()),
            (Mount::Page(mount), Some(max)) => router.route(route.path, mount().layer(DefaultBodyLimit::max(max))),
        };
    }
    let (router, mut document) = router.split_for_parts();
    for route in table() {
        note_permission(&mut document, &route);
    }
    (router, document)
}

/// What a machine posts may come twice.
fn once(route: &Route, methods: UtoipaMethodRouter<AppState>) -> UtoipaMethodRouter<AppState> {
    if route.method != Method::POST {
        return methods;
    }
    let asks = route.asks;
    methods.layer(from_fn(move |Extension(app): Extension<AppState>, request: Request, next: Next| {
        idempotency::once(asks, app, request, next)
    }))
}

/// Says in the document that an operation takes a key.
fn note_key(operation: &mut Operation) {
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Name of this request, for sending it again: it has its effect once, and its answer is given again with \
             `Idempotency-Replayed: true`. With another address or body: 422 `idempotency-key-reused`. While it is \
             worked on: 409 `idempotency-key-running`. A form has to be sent with the same boundary.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(KEY_LENGTH_MAX))));
    operation.parameters.get_or_insert_default().push(key.build().into());
}

/// Says in the document which permission an operation asks for.
fn note_permission(document: &mut utoipa::openapi::OpenApi, route: &Route) {
    let (Some(item), Asks::For(permission)) = (document.paths.paths.get_mut(route.path), route.asks) else { return };
    let operation = match route.method {
        Method::GET => &mut item.get,
        Method::PUT => &mut item.put,
        Method::DELETE => &mut item.delete,
        _ => &mut item.post,
    };
    if let Some(operation) = operation {
        operation.extensions.get_or_insert_default().insert("x-permission".to_owned(), permission.code().into());
        if route.method == Method::POST {
            note_key(operation);
        }
    }
}

/// All routes, with the reading page of the document and what answers everything else.
pub(crate) fn router() -> Router<AppState> {
    let docs = SwaggerUi::new(urls::API_DOCS).config(utoipa_swagger_ui::Config::from(urls::OPENAPI));
    built().0.merge(docs).fallback(nothing_here)
}

async fn nothing_here() -> axum::http::StatusCode {
    axum::http::StatusCode::NOT_FOUND
}

/// The API document (OpenAPI 3.1).
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    built().1
}

async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}
