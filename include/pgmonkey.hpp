/*
 * pgmonkey for C++, 11 and newer: what is opened, borrowed or begun ends with its scope. All of it is here; link as in C.
 *
 *	pgm::database db("db.yaml");
 *	pgm::connection conn = db.acquire();
 *	pgm::transaction work(conn);
 *	pgm::result res = pgm::check(PQexec(conn.get(), "SELECT version()"));
 *	std::cout << PQgetvalue(res.get(), 0, 0) << '\n';
 *	work.commit();
 *
 * SQL is written with libpq here, too. Every class can be moved and not copied; one that was moved from, or made without
 * arguments, is empty, and get() says nullptr. What fails throws pgm::error; no destructor throws. Errors and threads are
 * those of the functions of pgmonkey.h that are named.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_HPP
#define PGMONKEY_HPP

#include <pgmonkey.h>

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

/* The place of the caller, for the message that says who holds the connections. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_FILE) && __has_builtin(__builtin_LINE)
#define PGM_CALLER_FILE_ __builtin_FILE()
#define PGM_CALLER_LINE_ __builtin_LINE()
#endif
#elif defined(__GNUC__) && !defined(__clang__)
#define PGM_CALLER_FILE_ __builtin_FILE()
#define PGM_CALLER_LINE_ __builtin_LINE()
#endif
#ifndef PGM_CALLER_FILE_
#define PGM_CALLER_FILE_ "C++"
#define PGM_CALLER_LINE_ 0
#endif

namespace pgm
{

/* What went wrong: what() is the message. */
class error : public std::runtime_error
{
      public:
	explicit error(const pgm_error &e) : std::runtime_error(e.message), code_(e.code)
	{
		for (std::size_t i = 0; i < sizeof sqlstate_; i++)
			sqlstate_[i] = e.sqlstate[i];
	}

	pgm_code code() const noexcept
	{
		return code_;
	}

	/* Five characters, or "". */
	const char *sqlstate() const noexcept
	{
		return sqlstate_;
	}

      private:
	pgm_code code_;
	char sqlstate_[sizeof(pgm_error::sqlstate)];
};

struct result_clear {
	void operator()(PGresult *res) const noexcept
	{
		PQclear(res);
	}
};

/* libpq's result. */
using result = std::unique_ptr<PGresult, result_clear>;

/* Takes what a function of libpq answered; throws if the server refused the statement (pgm_result_ok). */
inline result check(PGresult *res)
{
	result owned(res);
	pgm_error err;

	if (!pgm_result_ok(res, &err))
		throw error(err);
	return owned;
}

/* ------------------------------------------------------------------------------------- config */

/* A pgm_config. */
class config
{
      public:
	config() : config_(pgm_config_new())
	{
		if (!config_)
			throw std::bad_alloc();
	}

	/* pgm_config_load */
	static config load(const std::string &path)
	{
		pgm_error err;

		return config(pgm_config_load(path.c_str(), &err), err);
	}

	/* pgm_config_parse: name stands for the file in messages. */
	static config parse(const std::string &yaml, const std::string &name)
	{
		pgm_error err;

		return config(pgm_config_parse(yaml.data(), yaml.size(), name.c_str(), &err), err);
	}

	/* pgm_config_set: section nullptr is the top level, value nullptr takes the key out. */
	void set(const char *section, const char *key, const char *value)
	{
		pgm_error err;

		if (!pgm_config_set(config_.get(), section, key, value, &err))
			throw error(err);
	}

	/* pgm_config_get: nullptr if there is neither a value nor a default; valid until the next change. */
	const char *get(const char *section, const char *key) const noexcept
	{
		return pgm_config_get(config_.get(), section, key);
	}

	pgm_config *get() const noexcept
	{
		return config_.get();
	}

      private:
	struct free_config {
		void operator()(pgm_config *c) const noexcept
		{
			pgm_config_free(c);
		}
	};

	config(pgm_config *c, const pgm_error &err) : config_(c)
	{
		if (!c)
			throw error(err);
	}

	std::unique_ptr<pgm_config, free_config> config_;
};

/* --------------------------------------------------------------------------------- connection */

/* A borrowed connection; the destructor gives it back (pgm_release), which rolls back what was left open. */
class connection
{
      public:
	connection() noexcept : conn_(nullptr)
	{
	}

	/* Takes over one that was borrowed by a function of pgmonkey.h, such as in a pgm_on_lease. */
	explicit connection(PGconn *borrowed) noexcept : conn_(borrowed)
	{
	}

	connection(connection &&other) noexcept : conn_(other.detach())
	{
	}

	connection &operator=(connection &&other) noexcept
	{
		if (this != &other) {
			release();
			conn_ = other.detach();
		}
		return *this;
	}

	connection(const connection &) = delete;
	connection &operator=(const connection &) = delete;

	~connection()
	{
		release();
	}

	/* Before the scope ends. */
	void release() noexcept
	{
		pgm_release(detach());
	}

	/* Hands it over: pgm_release is the caller's from here on. */
	PGconn *detach() noexcept
	{
		PGconn *conn = conn_;

		conn_ = nullptr;
		return conn;
	}

	PGconn *get() const noexcept
	{
		return conn_;
	}

	explicit operator bool() const noexcept
	{
		return conn_ != nullptr;
	}

      private:
	PGconn *conn_;
};

/* ----------------------------------------------------------------------------------- database */

/*
 * A handle, and a manager of its own: what this opens it shares with nobody, and the destructor closes it. Connections
 * that are lent then are closed when they are given back. Give it by reference to whoever borrows, from any thread.
 */
class database
{
      public:
	/* pgm_open, but for the cache. */
	explicit database(const std::string &path, pgm_type type = PGM_FROM_CONFIG)
	    : database(config::load(path), options_of(type))
	{
	}

	explicit database(const config &c, pgm_type type = PGM_FROM_CONFIG) : database(c, options_of(type))
	{
	}

	/* pgm_manager_open */
	database(const config &c, const pgm_open_options &options) : db_(nullptr)
	{
		pgm_error err;

		manager_.reset(pgm_manager_new(&err));
		if (manager_)
			db_ = pgm_manager_open(manager_.get(), c.get(), &options, &err);
		if (!db_)
			throw error(err);
	}

	database(database &&other) noexcept : manager_(std::move(other.manager_)), db_(other.db_)
	{
		other.db_ = nullptr;
	}

	database &operator=(database &&other) noexcept
	{
		if (this != &other) {
			manager_ = std::move(other.manager_);
			db_ = other.db_;
			other.db_ = nullptr;
		}
		return *this;
	}

	/* pgm_acquire: waits as long as the file says, or for timeout_ms. */
	connection acquire(int timeout_ms = PGM_TIMEOUT_FROM_CONFIG, const char *file = PGM_CALLER_FILE_,
			   int line = PGM_CALLER_LINE_)
	{
		pgm_error err;
		PGconn *conn = pgm_acquire_at(db_, timeout_ms, file, line, &err);

		if (!conn)
			throw error(err);
		return connection(conn);
	}

	/* For the rest of pgmonkey.h: pgm_submit, pgm_wait, pgm_db_stats, pgm_drain ... */
	pgm_db *get() const noexcept
	{
		return db_;
	}

	explicit operator bool() const noexcept
	{
		return db_ != nullptr;
	}

      private:
	struct free_manager {
		void operator()(pgm_manager *m) const noexcept
		{
			pgm_manager_free(m);
		}
	};

	static pgm_open_options options_of(pgm_type type) noexcept
	{
		pgm_open_options options = pgm_open_options();

		options.size = sizeof options;
		options.type = type;
		return options;
	}

	std::unique_ptr<pgm_manager, free_manager> manager_;
	pgm_db *db_;
};

/* -------------------------------------------------------------------------------- transaction */

/*
 * Begins; what is not committed when the scope ends is rolled back. Inside of another one it is a savepoint: the inner
 * one ends first. The connection must outlive it.
 */
class transaction
{
      public:
	/* pgm_begin */
	explicit transaction(const connection &c) : transaction(c.get())
	{
	}

	explicit transaction(PGconn *borrowed) : conn_(nullptr)
	{
		pgm_error err;

		if (!pgm_begin(borrowed, &err))
			throw error(err);
		conn_ = borrowed;
	}

	transaction(transaction &&other) noexcept : conn_(other.leave())
	{
	}

	transaction &operator=(transaction &&other) noexcept
	{
		if (this != &other) {
			end();
			conn_ = other.leave();
		}
		return *this;
	}

	transaction(const transaction &) = delete;
	transaction &operator=(const transaction &) = delete;

	~transaction()
	{
		end();
	}

	/* pgm_commit. If it throws, the transaction is over: rolled back, or as SQLSTATE 08007 says, not known. */
	void commit()
	{
		pgm_error err;
		PGconn *conn = leave();

		if (pgm_commit(conn, &err))
			return;
		if (conn)
			pgm_rollback(conn, nullptr); /* a savepoint that could not be released is there still */
		throw error(err);
	}

	/* pgm_rollback */
	void rollback()
	{
		pgm_error err;

		if (!pgm_rollback(leave(), &err))
			throw error(err);
	}

	/* Is it still to be ended? */
	explicit operator bool() const noexcept
	{
		return conn_ != nullptr;
	}

      private:
	PGconn *leave() noexcept
	{
		PGconn *conn = conn_;

		conn_ = nullptr;
		return conn;
	}

	void end() noexcept
	{
		if (conn_)
			pgm_rollback(leave(), nullptr);
	}

	PGconn *conn_;
};

/* ------------------------------------------------------------------------------------- cursor */

/*
 * Rows one at a time, in constant memory:
 *	for (const PGresult *row : pgm::cursor(conn, "SELECT * FROM t WHERE id > $1", {"7"}))
 * A row is valid until the next one is asked for. The destructor cancels the rest. The connection must outlive it.
 */
class cursor
{
      public:
	/* Parameters are texts; nullptr is NULL. */
	cursor(const connection &c, const char *sql, std::initializer_list<const char *> params = {})
	    : cursor(c, query_of(sql, params))
	{
	}

	/* pgm_cursor_open */
	cursor(const connection &c, const pgm_query &query)
	{
		pgm_error err;

		cursor_.reset(pgm_cursor_open(c.get(), &query, &err));
		if (!cursor_)
			throw error(err);
	}

	/* pgm_cursor_next: nullptr behind the last row. */
	const PGresult *next()
	{
		pgm_error err;
		const PGresult *row = cursor_ ? pgm_cursor_next(cursor_.get(), &err) : nullptr;

		if (!row && cursor_ && err.code != PGM_OK)
			throw error(err);
		return row;
	}

	/* Before the scope ends: the connection is free for other statements. */
	void close() noexcept
	{
		cursor_.reset();
	}

	pgm_cursor *get() const noexcept
	{
		return cursor_.get();
	}

	/* Goes once over what is left. */
	class iterator
	{
	      public:
		using iterator_category = std::input_iterator_tag;
		using value_type = const PGresult *;
		using difference_type = std::ptrdiff_t;
		using pointer = const value_type *;
		using reference = const value_type &;

		iterator() noexcept : cursor_(nullptr), row_(nullptr)
		{
		}

		explicit iterator(cursor *c) : cursor_(c), row_(c->next())
		{
		}

		reference operator*() const noexcept
		{
			return row_;
		}

		pointer operator->() const noexcept
		{
			return &row_;
		}

		iterator &operator++()
		{
			row_ = cursor_->next();
			return *this;
		}

		void operator++(int)
		{
			++*this;
		}

		/* All that are at their end are equal. */
		friend bool operator==(const iterator &a, const iterator &b) noexcept
		{
			return a.row_ == b.row_;
		}

		friend bool operator!=(const iterator &a, const iterator &b) noexcept
		{
			return !(a == b);
		}

	      private:
		cursor *cursor_;
		const PGresult *row_;
	};

	iterator begin()
	{
		return iterator(this);
	}

	iterator end() noexcept
	{
		return iterator();
	}

      private:
	struct close_cursor {
		void operator()(pgm_cursor *c) const noexcept
		{
			pgm_cursor_close(c);
		}
	};

	static pgm_query query_of(const char *sql, std::initializer_list<const char *> params) noexcept
	{
		pgm_query query = pgm_query();

		query.sql = sql;
		query.nparams = static_cast<int>(params.size());
		query.params = params.begin();
		return query;
	}

	std::unique_ptr<pgm_cursor, close_cursor> cursor_;
};

} // namespace pgm

#undef PGM_CALLER_FILE_
#undef PGM_CALLER_LINE_

#endif
