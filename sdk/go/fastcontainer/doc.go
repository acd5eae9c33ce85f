// Container images declared in Pulumi programs, rebuilt only when their content changed.
package fastcontainer
