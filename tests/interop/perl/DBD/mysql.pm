# Stands in for the driver of MySQL, so that opendmarc-import, which has no other, can
# be run without a database server: what it connects to is the SQLite file
# HISTORY_DATABASE, with the two functions of MySQL that it uses.
package DBD::mysql;

use strict;
use warnings;
use DBI;

our $VERSION = '4.050';

my $connect = \&DBI::connect;

no warnings 'redefine';
*DBI::connect = sub {
    my ($class, undef, undef, undef, $attributes) = @_;
    my $file = $ENV{HISTORY_DATABASE};
    my $handle = $connect->($class, "dbi:SQLite:dbname=$file", '', '', $attributes);
    $handle->sqlite_create_function('FROM_UNIXTIME', 1, sub { $_[0] });
    $handle->sqlite_create_function(
        'LAST_INSERT_ID', 0, sub { $handle->sqlite_last_insert_rowid });
    return $handle;
};

1;
