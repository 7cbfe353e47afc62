/* SPDX-License-Identifier: Apache-2.0
 * test_secrets_values.c - what names, URLs, headers and commands say of the value behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/secrets.h"
#include "security/secrets_value.h"
#include "support/split.h"

#include <string.h>

static struct secrets secrets;

static int setup(void **state)
{
    (void)state;
    secrets_init(&secrets);
    return 0;
}

struct sample {
    const char *text;
    const char *secret; /* NULL: none */
};

static void must_say(const struct sample *samples, size_t count)
{
    const struct finder finder = secrets_finder(&secrets);
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct spans spans = {0};
        const char *text = samples[i].text;
        const char *secret = samples[i].secret;
        finder_find(&finder, str_of(text), &spans);
        struct span span = spans.count > 0 ? spans.items[0] : (struct span){0};
        bool right = secret == NULL ? spans.count == 0
                                    : spans.count == 1 && span.end - span.start == strlen(secret) &&
                                          memcmp(text + span.start, secret, strlen(secret)) == 0;
        if (!right) {
            print_error("%zu spans in '%s', the first '%.*s'\n", spans.count, text,
                        (int)(span.end - span.start), text + span.start);
            wrong++;
        }
        spans_end(&spans);
        must_split_equally(&finder, str_of(text));
    }
    assert_int_equal(wrong, 0);
}

#define MUST_SAY(samples) must_say(samples, sizeof(samples) / sizeof *(samples))

static void names_say_that_their_values_are_passwords(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"password = \"gwEhpo9w!yr8h%qs\"", "gwEhpo9w!yr8h%qs"},
        {"{\"db_password\": \"Tr0ub4dor&3x\"}", "Tr0ub4dor&3x"},
        {"{\\\"password\\\": \\\"Tr0ub4dor&3x\\\"}", "Tr0ub4dor&3x"},
        {"DB_PASSWORD=S3cr3tP4ss\nDB_HOST=db", "S3cr3tP4ss"},
        {"  password: hunter2x\n", "hunter2x"},
        {"'password' => 'kT9$mLq2',", "kT9$mLq2"},
        {"define('DB_PASSWORD', 'kT9$mLq2');", "kT9$mLq2"},
        {"<password>kT9$mLq2</password>", "kT9$mLq2"},
        {"<add key=\"DbPassword\" value=\"kT9mLq2zz\"/>", "kT9mLq2zz"},
        {"- name: DB_PASSWORD\n  value: kT9mLq2zz\n", "kT9mLq2zz"},
        {"{\"name\": \"DB_PASSWORD\", \"value\": \"kT9mLq2zz\"}", "kT9mLq2zz"},
        {"ds.setPassword(\"kT9mLq2zz\");", "kT9mLq2zz"},
        {"const password: string = 'kT9mLq2zz';", "kT9mLq2zz"},
        {"password := \"kT9mLq2zz\"", "kT9mLq2zz"},
        {"if (password == \"kT9mLq2zz\") {", "kT9mLq2zz"},
        {"config[\"password\"] = \"kT9mLq2zz\"", "kT9mLq2zz"},
        {"Server=db;User Id=sa;Password=aB3$xY9!kk;", "aB3$xY9!kk"},
        {"jdbc:mysql://h/db?user=a&password=aB3xY9kk&x=1", "aB3xY9kk"},
        {"PGPASSWORD=aB3xY9kk psql", "aB3xY9kk"},
        {"char pwd[] = \"aB3xY9kk\";", "aB3xY9kk"},
        {"spring.datasource.password=aB3xY9kk", "aB3xY9kk"},
        {"Passwort: aB3xY9kk", "aB3xY9kk"},
        {"My password is Hunter2!xy.", "Hunter2!xy"},
        {"mysqldump --password=aB3xY9kk", "aB3xY9kk"},
        {"deploy --password aB3xY9kk --all", "aB3xY9kk"},
        {"machine h login me password aB3xY9kk", "aB3xY9kk"},
        {"CREATE USER 'u'@'%' IDENTIFIED BY 'aB3xY9kk';", "aB3xY9kk"},
        {"ALTER ROLE postgres PASSWORD 'aB3xY9kk';", "aB3xY9kk"},
        {"#define password \"aB3xY9kk\"", "aB3xY9kk"},
        {"tool -Password 'aB3$xY9kk'", "aB3$xY9kk"},
        {"easy_setopt(curl, CURLOPT_PASSWORD, \"aB3xY9kk\");", "aB3xY9kk"},
        {"APP_PASS=aB3xY9kk", "aB3xY9kk"},
        {"ftpPass: aB3xY9kk", "aB3xY9kk"},
    };
    MUST_SAY(samples);
}

static void names_say_that_their_values_are_tokens(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"aws_secret_access_key=R6WelvtlJzFVfLoAgaBKOvCBBlSX3FcCdQMmyCrj",
         "R6WelvtlJzFVfLoAgaBKOvCBBlSX3FcCdQMmyCrj"},
        {"aws_secret_access_key = /6WelvtlJzFVfLoAgaBKOvCBBlSX3FcCdQMmyCrj",
         "/6WelvtlJzFVfLoAgaBKOvCBBlSX3FcCdQMmyCrj"},
        {"client-secret: q8x~abc123DEF456ghi789JKL.x_0", "q8x~abc123DEF456ghi789JKL.x_0"},
        {"AccountName=a;AccountKey=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODk==;E=c",
         "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODk=="},
        {"DD_API_KEY=0f4a1b2c3d9e8f7a6b5c4d3e2f1a0b9c", "0f4a1b2c3d9e8f7a6b5c4d3e2f1a0b9c"},
        {"heroku_api_key: 01a2b3c4-d5e6-47f8-89a0-b1c2d3e4f5a6",
         "01a2b3c4-d5e6-47f8-89a0-b1c2d3e4f5a6"},
        {"{\"token\": \"kJ8sLq0ZpX3vB7nM1cT5\"}", "kJ8sLq0ZpX3vB7nM1cT5"},
        {"X-Api-Key: kJ8sLq0ZpX3vB7nM1cT5", "kJ8sLq0ZpX3vB7nM1cT5"},
        {"SECRET_KEY = 'django-insecure-k3!x#9@v^2m&z0q(w8e)r5t*y7u1i'",
         "django-insecure-k3!x#9@v^2m&z0q(w8e)r5t*y7u1i"},
        {"//registry.npmjs.org/:_authToken=01a2b3c4d5e647f889a0b1c2d3e4f5a6",
         "01a2b3c4d5e647f889a0b1c2d3e4f5a6"},
        {"Secret Key: kJ8sLq0ZpX3vB7nM1cT5", "kJ8sLq0ZpX3vB7nM1cT5"},
        {"some_key = 'kJ8sLq0ZpX3vB7nM1cT5'", "kJ8sLq0ZpX3vB7nM1cT5"},
        {"\"user_auth\": \"am9obmRvZTpkMDY5NGIxYi1jMTcxLTQ4ODY+TM=\"",
         "am9obmRvZTpkMDY5NGIxYi1jMTcxLTQ4ODY+TM="},
        {"run --token kJ8sLq0ZpX3vB7nM1cT5", "kJ8sLq0ZpX3vB7nM1cT5"},
        {"Authorization: Bearer oLHaIm8mQwQ_In_AgddoYpPFVxXkKqHf",
         "oLHaIm8mQwQ_In_AgddoYpPFVxXkKqHf"},
        {"headers['Authorization'] = 'Bearer oLHaIm8mQwQ_In_AgddoYpPFVxXkKqHf'",
         "oLHaIm8mQwQ_In_AgddoYpPFVxXkKqHf"},
    };
    MUST_SAY(samples);
}

static void urls_and_headers_and_commands_carry_passwords(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"postgres://app:D618vU8PYI9fe%@db3.internal:5432/prod",
         "app:D618vU8PYI9fe%@db3.internal:5432/prod"},
        {"use \"mongodb+srv://u:p4ssW0rd9@c0.mongodb.net\" now", "u:p4ssW0rd9@c0.mongodb.net"},
        {"redis://:p4ssW0rd9@cache:6379/0.", ":p4ssW0rd9@cache:6379/0"},
        {"git clone https://me:q8Lx02mZ@git.host/r.git", "me:q8Lx02mZ@git.host/r.git"},
        {"dsn https://0f4a1b2c3d9e8f7a6b5c4d3e2f1a0b9c@o1.ingest.sentry.io/42",
         "0f4a1b2c3d9e8f7a6b5c4d3e2f1a0b9c@o1.ingest.sentry.io/42"},
        {"Authorization: Basic YWRtaW46YUIzeFk5a2s=", "YWRtaW46YUIzeFk5a2s="},
        {"curl -u admin:aB3xY9kk https://h/", "admin:aB3xY9kk"},
        {"postgres://user:password@localhost:5432/test", NULL},
        {"postgres://${USER}:${PASS}@localhost/test", NULL},
        {"mysql://root:root@localhost/test", NULL},
        {"https://user:<password>@host/", NULL},
        {"https://example.com/a:b@c", NULL},
        {"see http://host:8080/path?x=1 and mail@host", NULL},
        {"Authorization: Basic dXNlcjpwYXNzd29yZA==", NULL},
        {"Basic understanding of authentication", NULL},
        {"Bearer tokens are described in RFC 6750", NULL},
        {"Authorization: Bearer <token>", NULL},
        {"Authorization: Bearer ${TOKEN}", NULL},
        {"id -u nobody:nogroup", NULL},
    };
    MUST_SAY(samples);
}

static void look_ups_and_placeholders_are_none(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"api_key = process.env.OPENAI_API_KEY", NULL},
        {"password: ${DB_PASSWORD}", NULL},
        {"password = os.environ[\"DB_PASSWORD\"]", NULL},
        {"token = <your token here>", NULL},
        {"api_key: \"{{ vault.api_key }}\"", NULL},
        {"password = \"changeme\"", NULL},
        {"password: ********", NULL},
        {"PASSWORD=$DB_PASS", NULL},
        {"password = getPassword(user1)", NULL},
        {"password = self.password2", NULL},
        {"password: string;", NULL},
        {"password = request.form['password1']", NULL},
        {"\"password\": \"Enter your password\"", NULL},
        {"\"password\": \"Password\"", NULL},
        {"token = next_token_2", NULL},
        {"token: my-service-2-prod", NULL},
        {"secretName: db-credentials-v2", NULL},
        {"secret: kubernetes.io/tls", NULL},
        {"password: must have 12 characters", NULL},
        {"the secret of a good soup: time and patience", NULL},
        {"token count: 9367", NULL},
        {"max_tokens: 4096", NULL},
        {"next_page_token: kJ8sLq0ZpX3vB7nM1cT5", NULL},
        {"the password is required", NULL},
        {"Password: 8-16 characters", NULL},
        {"password_hash = 'x'", NULL},
        {"passwordField.addEventListener('keyup1', x)", NULL},
        {"public_key = 'kJ8sLq0ZpX3vB7nM1cT5kJ8s'", NULL},
        {"secret=arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbC123", NULL},
        {"<input type=\"password\" name=\"password1\" id=\"pass2\">", NULL},
        {"api_key=\"INSERT_API_KEY_HERE_123\"", NULL},
        {"cache_key = 'kJ8sLq0ZpX3vB7nM1cT5'", NULL},
        {"primary_key: kJ8sLq0ZpX3vB7nM1cT5", NULL},
        {"bypass: aB3xY9kk, compass=aB3xY9kk", NULL},
        {"a password prompt and a PASSWORD FIELD", NULL},
        {"f(token, other), g(password, 'user')", NULL},
        {"IDENTIFIED BY CARD 12", NULL},
        {"tokenizer: bert-base-uncased-v2", NULL},
        {"token: null, secret: undefined", NULL},
    };
    MUST_SAY(samples);
}

static void digests_and_identifiers_are_none(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"commit 58911b81f59562315310f9a04ae4877396a69a17", NULL},
        {"X-Api-Key: 83c9e90d908d4612fa30d2e070b7f7bc81f4d9d8", NULL},
        {"export TOKEN=83c9e90d908d4612fa30d2e070b7f7bc81f4d9d8", NULL},
        {"id = \"6945efde-6fa9-0cdc-5932-52ac0279829a\"", NULL},
        {"{\"api_key\": \"6945efde-6fa9-0cdc-5932-52ac0279829a\"}", NULL},
        {"\"integrity\": \"sha512-8zX2rKpb1Q0m5v7nB3cT9yL6dF4gH1jK2sA0wE8rT5yU7iO9pQ==\"", NULL},
        {"token: sha256-8zX2rKpb1Q0m5v7nB3cT9yL6dF4gH1jK2sA0wE8rT5y=", NULL},
        {"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7vbqajDhA8zX2rKpb1Q0m5v7 me@h", NULL},
        {"<img src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\">", NULL},
        {"address = 0x52908400098527886E0F7030069857D2E4169EE7", NULL},
        {"etag \"83c9e90d908d4612\"", NULL},
        {"arn:aws:iam::123456789012:role/app", NULL},
        {"md5: 9e107d9d372bb6826bd81d3542a419d6", NULL},
    };
    MUST_SAY(samples);
}

static void disorder_tells_noise_from_names(void **state)
{
    (void)state;
    assert_true(secret_disorder(STR("kJ8sLq0ZpX3vB7nM1cT5")) > 0.3);
    assert_true(secret_disorder(STR("0f4a1b2c3d9e8f7a6b5c")) > 0.3);
    assert_true(secret_disorder(STR("AutoModelForSequenceClassification")) < 0.2);
    assert_true(secret_disorder(STR("my-service-2-prod-token")) < 0.18);
    assert_true(secret_entropy(STR("")) >= 0);
    assert_float_equal(secret_entropy(STR("abab")), 1.0, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_that_their_values_are_passwords),
        cmocka_unit_test(names_say_that_their_values_are_tokens),
        cmocka_unit_test(urls_and_headers_and_commands_carry_passwords),
        cmocka_unit_test(look_ups_and_placeholders_are_none),
        cmocka_unit_test(digests_and_identifiers_are_none),
        cmocka_unit_test(disorder_tells_noise_from_names),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
