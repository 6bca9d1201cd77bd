-- Where votes decide as they are, nothing has a posterior.
--
-- makes  posteriors  without a row
CREATE TABLE posteriors (
    kind VARCHAR, key VARCHAR, posteriors STRUCT(aspect VARCHAR, posterior DOUBLE)[]
);
