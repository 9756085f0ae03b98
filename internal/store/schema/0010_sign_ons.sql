-- Staff who were sent to a provider of single sign-on and have not come back. What is kept for them is sealed.
CREATE TABLE sign_ons (
	token      BYTEA  PRIMARY KEY, -- SHA-256 of what their browser holds
	sealed     BYTEA  NOT NULL,
	expires_at BIGINT NOT NULL
) /* clustered */;
