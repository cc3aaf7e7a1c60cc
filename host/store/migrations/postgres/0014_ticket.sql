-- Tickets: what somebody asks of the office, from intake to the call back; the working calendars that their deadlines follow.

-- Every change is a version of its own: a deadline is explained by the calendar that it was made with.
CREATE TABLE working_calendar (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT working_calendar_company_fk REFERENCES management_company (id),
    -- None for the company's.
    project_id UUID CONSTRAINT working_calendar_project_fk REFERENCES project (id),
    version BIGINT NOT NULL,
    -- Hours of the week and days that differ, as JSON.
    calendar TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX working_calendar_company_key ON working_calendar (company_id, version) WHERE project_id IS NULL;
CREATE UNIQUE INDEX working_calendar_project_key ON working_calendar (project_id, version) WHERE project_id IS NOT NULL;

-- Kinds and categories.
CREATE TABLE ticket_declaration (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT ticket_declaration_company_fk REFERENCES management_company (id),
    -- None for the company's.
    project_id UUID CONSTRAINT ticket_declaration_project_fk REFERENCES project (id),
    noun TEXT NOT NULL,
    code TEXT NOT NULL,
    -- As JSON.
    declared TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX ticket_declaration_company_key ON ticket_declaration (company_id, noun, code) WHERE project_id IS NULL;
CREATE UNIQUE INDEX ticket_declaration_project_key ON ticket_declaration (project_id, noun, code) WHERE project_id IS NOT NULL;

-- The last number of each project and year: taken in the transaction of the ticket, so that numbers have no gaps.
CREATE TABLE ticket_counter (
    project_id UUID NOT NULL CONSTRAINT ticket_counter_project_fk REFERENCES project (id),
    company_id UUID NOT NULL CONSTRAINT ticket_counter_company_fk REFERENCES management_company (id),
    year BIGINT NOT NULL,
    last BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ticket_counter_pk PRIMARY KEY (project_id, year)
);

CREATE TABLE ticket (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT ticket_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT ticket_project_fk REFERENCES project (id),
    ticket_no TEXT NOT NULL,
    kind TEXT NOT NULL,
    category TEXT NOT NULL,
    priority TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    unit_id UUID CONSTRAINT ticket_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    place TEXT NOT NULL,
    words TEXT NOT NULL,
    caller_name TEXT NOT NULL,
    caller_phone TEXT NOT NULL,
    -- Who works on it. The records of staff are the organisation's: tied to them where both stand in one schema.
    assignee UUID,
    offered BOOLEAN NOT NULL,
    level TEXT,
    effective BOOLEAN,
    late BOOLEAN NOT NULL,
    follow_up BOOLEAN NOT NULL,
    not_reached BIGINT NOT NULL,
    taken_in_by TEXT NOT NULL,
    owner_link_id UUID,
    response_due_at TIMESTAMPTZ,
    solve_due_at TIMESTAMPTZ,
    follow_up_due_at TIMESTAMPTZ,
    accepted_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ,
    solved_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    moved_at TIMESTAMPTZ NOT NULL,
    moves BIGINT NOT NULL,
    -- As JSON.
    routing TEXT NOT NULL,
    calendar_version BIGINT NOT NULL,
    version BIGINT NOT NULL,
    -- What it has to meet next; none while nothing runs.
    due_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ticket_no_key UNIQUE (project_id, ticket_no)
);
-- Lists go from the newest back, narrowed by one of these and filtered by the rest.
CREATE INDEX ticket_project_idx ON ticket (project_id, id);
CREATE INDEX ticket_state_idx ON ticket (project_id, state, id);
CREATE INDEX ticket_kind_idx ON ticket (project_id, kind, id);
CREATE INDEX ticket_unit_idx ON ticket (unit_id, id) WHERE unit_id IS NOT NULL;
CREATE INDEX ticket_assignee_idx ON ticket (assignee, id) WHERE assignee IS NOT NULL;
CREATE INDEX ticket_phone_idx ON ticket (project_id, caller_phone, id) WHERE caller_phone <> '';
CREATE INDEX ticket_link_idx ON ticket (owner_link_id, id) WHERE owner_link_id IS NOT NULL;
-- Few of millions are open: these stay small.
CREATE INDEX ticket_open_idx ON ticket (project_id, id) WHERE ended_at IS NULL;
CREATE INDEX ticket_open_assignee_idx ON ticket (assignee, id) WHERE ended_at IS NULL AND assignee IS NOT NULL;
CREATE INDEX ticket_due_idx ON ticket (project_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX ticket_due_assignee_idx ON ticket (assignee, due_at, id) WHERE due_at IS NOT NULL AND assignee IS NOT NULL;

CREATE TABLE ticket_move (
    ticket_id UUID NOT NULL CONSTRAINT ticket_move_ticket_fk REFERENCES ticket (id),
    company_id UUID NOT NULL CONSTRAINT ticket_move_company_fk REFERENCES management_company (id),
    number BIGINT NOT NULL,
    made TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    moved_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    assignee UUID,
    -- When it was made; never before the move before it.
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ticket_move_pk PRIMARY KEY (ticket_id, number)
);

CREATE TABLE follow_up (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT follow_up_company_fk REFERENCES management_company (id),
    ticket_id UUID NOT NULL CONSTRAINT follow_up_ticket_fk REFERENCES ticket (id),
    result TEXT NOT NULL,
    channel TEXT NOT NULL,
    score BIGINT,
    words TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT follow_up_score_check CHECK (score IS NULL OR score BETWEEN 1 AND 5)
);
CREATE INDEX follow_up_ticket_idx ON follow_up (ticket_id, id);

-- Deadlines and escalation steps. One that has fired stays; one that is not needed any more goes.
CREATE TABLE ticket_timer (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT ticket_timer_company_fk REFERENCES management_company (id),
    ticket_id UUID NOT NULL CONSTRAINT ticket_timer_ticket_fk REFERENCES ticket (id),
    kind TEXT NOT NULL,
    level TEXT,
    clock TEXT NOT NULL,
    -- None while its ticket is suspended: then so much of it is left.
    due_at TIMESTAMPTZ,
    left_ms BIGINT,
    fired_at TIMESTAMPTZ,
    worker TEXT,
    lease_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ticket_timer_runs_check CHECK ((due_at IS NULL) <> (left_ms IS NULL))
);
CREATE INDEX ticket_timer_ticket_idx ON ticket_timer (ticket_id);
CREATE INDEX ticket_timer_due_idx ON ticket_timer (due_at) WHERE fired_at IS NULL AND due_at IS NOT NULL;
CREATE INDEX ticket_timer_worker_idx ON ticket_timer (worker) WHERE worker IS NOT NULL;

-- Links for owners. What a link says is signed with its company's key; taking it back is written here.
CREATE TABLE owner_link_key (
    company_id UUID PRIMARY KEY NOT NULL CONSTRAINT owner_link_key_company_fk REFERENCES management_company (id),
    secret BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE owner_link (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT owner_link_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT owner_link_project_fk REFERENCES project (id),
    -- Either of both.
    unit_id UUID CONSTRAINT owner_link_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    ticket_id UUID CONSTRAINT owner_link_ticket_fk REFERENCES ticket (id),
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    made_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT owner_link_about_check CHECK ((unit_id IS NULL) <> (ticket_id IS NULL))
);
CREATE INDEX owner_link_unit_idx ON owner_link (unit_id) WHERE unit_id IS NOT NULL;
CREATE INDEX owner_link_ticket_idx ON owner_link (ticket_id) WHERE ticket_id IS NOT NULL;
ALTER TABLE ticket ADD CONSTRAINT ticket_owner_link_fk FOREIGN KEY (owner_link_id) REFERENCES owner_link (id);

-- The job given to staff or a contractor; a ticket may have several.
CREATE TABLE work_order (
    id UUID PRIMARY KEY NOT NULL,
    company_id UUID NOT NULL CONSTRAINT work_order_company_fk REFERENCES management_company (id),
    project_id UUID NOT NULL CONSTRAINT work_order_project_fk REFERENCES project (id),
    ticket_id UUID NOT NULL CONSTRAINT work_order_ticket_fk REFERENCES ticket (id),
    -- From 1 in each ticket.
    number BIGINT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    assignee UUID,
    -- As JSON.
    checklist TEXT NOT NULL,
    parts TEXT NOT NULL,
    minutes BIGINT NOT NULL,
    payment TEXT NOT NULL,
    quote_fen BIGINT,
    quoted_for TEXT NOT NULL,
    answered_by TEXT,
    answered_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT work_order_number_key UNIQUE (ticket_id, number),
    CONSTRAINT work_order_quote_check CHECK (quote_fen IS NULL OR quote_fen > 0)
);
CREATE INDEX work_order_project_idx ON work_order (project_id, id);
CREATE INDEX work_order_to_charge_idx ON work_order (project_id, id) WHERE payment = 'to-charge';

-- History is not rewritten, and what has ended is not changed.
CREATE TRIGGER ticket_move_append_only BEFORE UPDATE OR DELETE ON ticket_move
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ticket_move_no_truncate BEFORE TRUNCATE ON ticket_move
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER follow_up_append_only BEFORE UPDATE OR DELETE ON follow_up
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER follow_up_no_truncate BEFORE TRUNCATE ON follow_up
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER working_calendar_append_only BEFORE UPDATE OR DELETE ON working_calendar
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER working_calendar_no_truncate BEFORE TRUNCATE ON working_calendar
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ticket_ended BEFORE UPDATE OR DELETE ON ticket
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
